"""From a gate's path to the measurements it names.

A path is `section.key.key…`; `*` stands for every attribute (those in the gate's scope, where it has one), or every
judged group, at its level. It ends at a measurement (a mapping with `value`) or at a plain number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.ml.errors import ParameterError
from apps.ml.parameters import Gate
from apps.ml.validation_errors import nearest_name

EVERY = "*"
READ = ("value", "lower", "upper", "n", "confidence", "numerator", "denominator", "undefined")


@dataclass(frozen=True)
class Leaf:
    """The measurement at the end of a path; `keys` is the path with every `*` replaced by the key it stands for.

    `plain`: a number that stands by itself, as a count of findings, and not a measurement.
    """

    keys: tuple[str, ...]
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    confidence: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    undefined: str | None = None
    plain: bool = field(default=False, kw_only=True)

    @property
    def path(self) -> str:
        """The path as people write it."""
        return ".".join(self.keys)


@dataclass(frozen=True)
class _NotThere:
    """What is found where a group is not judged, or where one of several branches lacks what another has."""

    why: str


def resolve(gate: Gate, metrics: Mapping[str, Any]) -> list[Leaf]:
    """Follow the gate's path; none where `*` stands for nothing.

    A named group that is not judged, and a branch of `*` that lacks what another branch has, give an undefined leaf.

    Raises
    ------
    ParameterError
        A key of the path or an attribute of the scope does not exist (the nearest one is named), or the path does not
        end at a measurement.
    """
    _require_scope(gate, metrics)
    return [_leaf(gate, keys, found) for keys, found in _follow(gate, tuple(gate.metric.split(".")), (), metrics)]


def _follow(gate: Gate, rest: tuple[str, ...], done: tuple[str, ...], content: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(content, _NotThere) or not rest:
        yield (*done, *rest), content
        return
    if not isinstance(content, Mapping) or "value" in content:
        raise _misled(gate, f"'{'.'.join(done)}' has no parts", "")
    if content.get("judged") is False:
        yield (*done, *rest), _NotThere(str(content.get("why_not", "the group is not judged")))
    elif rest[0] == EVERY:
        yield from _follow_all(gate, rest[1:], done, content)
    elif rest[0] in content:
        yield from _follow(gate, rest[1:], (*done, rest[0]), content[rest[0]])
    else:
        where = f"'{'.'.join(done)}'" if done else "the metric files"
        raise _misled(gate, f"{where} has no '{rest[0]}'", nearest_name(rest[0], list(content)))


def _follow_all(
    gate: Gate, rest: tuple[str, ...], done: tuple[str, ...], content: Mapping[str, Any]
) -> Iterator[tuple[Any, Any]]:
    """Follow every branch; one that leads nowhere is an error only where all do."""
    scope = gate.scope if len(done) == 1 else ()
    branches = [key for key, inner in content.items() if _is_judged_part(inner) and (not scope or key in scope)]
    found: list[list[tuple[Any, Any]] | ParameterError] = []
    for key in branches:
        try:
            found.append(list(_follow(gate, rest, (*done, key), content[key])))
        except ParameterError as error:
            found.append(error)
    errors = [one for one in found if isinstance(one, ParameterError)]
    if errors and len(errors) == len(found):
        raise errors[0]
    for key, one in zip(branches, found, strict=True):
        if isinstance(one, ParameterError):
            yield (*done, key, *rest), _NotThere("it was not measured here, though it was elsewhere")
        else:
            yield from one


def _is_judged_part(content: Any) -> bool:
    """Whether `*` stands for this: an attribute, or a group that is judged; not a measurement beside them."""
    return isinstance(content, Mapping) and "value" not in content and content.get("judged", True) is not False


def _require_scope(gate: Gate, metrics: Mapping[str, Any]) -> None:
    attributes = list(metrics.get("fairness", {}))
    for name in gate.scope:
        if name not in attributes:
            raise _misled(gate, f"its scope has the attribute '{name}'", nearest_name(name, attributes))


def _leaf(gate: Gate, keys: tuple[str, ...], found: Any) -> Leaf:
    if isinstance(found, _NotThere):
        return Leaf(keys, None, undefined=found.why)
    if isinstance(found, Mapping) and "value" in found:
        return Leaf(keys, *(found.get(key) for key in READ))
    if isinstance(found, int | float) and not isinstance(found, bool):
        return Leaf(keys, float(found), plain=True)
    parts = list(found) if isinstance(found, Mapping) else []
    listed = f"; it holds: {', '.join(map(str, parts))}" if parts else ""
    raise _misled(gate, f"'{'.'.join(keys)}' is not a measurement", listed)


def _misled(gate: Gate, what: str, hint: str) -> ParameterError:
    end = "" if hint.endswith("?") else "."
    return ParameterError(
        f"model_registration.gates: the gate '{gate.name}' names '{gate.metric}', but {what}{hint}{end} "
        f"Mend the path in params.yaml."
    )
