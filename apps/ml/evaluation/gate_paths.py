"""From a gate's path to the measurements it names.

A path is `section.key.key…`; `*` stands for every attribute, or every judged group, at its level. It ends at a
measurement (a mapping with `value`) or at a plain number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.errors import ParameterError
from apps.ml.parameters import Gate
from apps.ml.validation_errors import nearest_name

EVERY = "*"


@dataclass(frozen=True)
class Leaf:
    """The measurement at the end of a path; `path` has every `*` replaced by the key it stands for."""

    path: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    confidence: float | None = None
    undefined: str | None = None


def resolve(gate: Gate, metrics: Mapping[str, Any]) -> list[Leaf]:
    """Follow the gate's path; none where `*` stands for nothing.

    Raises
    ------
    ParameterError
        A key of the path does not exist (the nearest one is named), or the path does not end at a measurement.
    """
    return [_leaf(gate, ".".join(keys), found) for keys, found in _follow(gate, gate.metric.split("."), [], metrics)]


def _follow(gate: Gate, rest: list[str], done: list[str], content: Any) -> Iterator[tuple[list[str], Any]]:
    if not rest:
        yield done, content
        return
    if not isinstance(content, Mapping) or "value" in content:
        raise _misled(gate, f"'{'.'.join(done)}' has no parts", "")
    if rest[0] == EVERY:
        keys = [key for key, inner in content.items() if _is_judged_part(inner)]
    else:
        keys = [rest[0]]
        if rest[0] not in content:
            where = f"'{'.'.join(done)}'" if done else "the metric files"
            raise _misled(gate, f"{where} has no '{rest[0]}'", nearest_name(rest[0], list(content)))
    for key in keys:
        yield from _follow(gate, rest[1:], [*done, key], content[key])


def _is_judged_part(content: Any) -> bool:
    """Whether `*` stands for this: an attribute, or a group that is judged; not a measurement beside them."""
    return isinstance(content, Mapping) and "value" not in content and content.get("judged", True) is not False


def _leaf(gate: Gate, path: str, found: Any) -> Leaf:
    if isinstance(found, Mapping) and "value" in found:
        return Leaf(path, *(found.get(key) for key in ("value", "lower", "upper", "n", "confidence", "undefined")))
    if isinstance(found, int | float) and not isinstance(found, bool):
        return Leaf(path, float(found))
    parts = list(found) if isinstance(found, Mapping) else []
    listed = f"; it holds: {', '.join(map(str, parts))}" if parts else ""
    raise _misled(gate, f"'{path}' is not a measurement", listed)


def _misled(gate: Gate, what: str, hint: str) -> ParameterError:
    end = "" if hint.endswith("?") else "."
    return ParameterError(
        f"model_registration.gates: the gate '{gate.name}' names '{gate.metric}', but {what}{hint}{end} "
        f"Mend the path in params.yaml."
    )
