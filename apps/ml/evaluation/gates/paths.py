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
class GatesOrigin:
    """Where gates were written, for messages: how one begins, how a path is mended, how to measure with more confidence
    (`{confidence}` stands for the confidence)."""

    start: str
    mend_path: str
    more_confidence: str


PARAMETERS = GatesOrigin(
    "model_registration.gates: ",
    "Mend the path in params.yaml.",
    "Set model_evaluation.confidence to {confidence:g} or more and run `dvc repro`, or ask for less",
)


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


class _MisledError(Exception):
    """A path leads nowhere: what is wrong, and a hint that ends the sentence."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def resolve(gate: Gate, metrics: Mapping[str, Any], origin: GatesOrigin = PARAMETERS) -> list[Leaf]:
    """Follow the gate's path; none where `*` stands for nothing.

    A named group that is not judged, and a branch of `*` that lacks what another branch has, give an undefined leaf.
    Names of attributes and groups may hold dots.

    Raises
    ------
    ParameterError
        A key of the path or an attribute of the scope does not exist (the nearest one is named), or the path does not
        end at a measurement.
    """
    try:
        _require_scope(gate, metrics)
        return [_leaf(keys, found) for keys, found in _follow(gate, tuple(gate.metric.split(".")), (), metrics)]
    except _MisledError as error:
        end = "" if error.hint.endswith("?") else "."
        raise ParameterError(
            f"{origin.start}the gate '{gate.name}' names '{gate.metric}', but {error.what}{error.hint}{end} "
            f"{origin.mend_path}"
        ) from None


def _follow(gate: Gate, rest: tuple[str, ...], done: tuple[str, ...], content: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(content, _NotThere) or not rest:
        yield (*done, *rest), content
        return
    if not isinstance(content, Mapping) or _is_measurement(content):
        raise _MisledError(f"'{'.'.join(done)}' has no parts", "")
    size = _known_part(rest, content)
    if content.get("judged") is False:
        yield (*done, *rest), _NotThere(str(content.get("why_not", "the group is not judged")))
    elif rest[0] == EVERY:
        yield from _follow_all(gate, rest[1:], done, content)
    elif size:
        key = ".".join(rest[:size])
        yield from _follow(gate, rest[size:], (*done, key), content[key])
    else:
        where = f"'{'.'.join(done)}' has" if done else "the measurements have"
        raise _MisledError(f"{where} no '{rest[0]}'", nearest_name(rest[0], list(content)))


def _known_part(rest: tuple[str, ...], content: Mapping[str, Any]) -> int:
    """How many parts of a path make a key, the most that do, because names may hold dots; 0 where none does."""
    sizes = range(len(rest), 0, -1)
    return next((size for size in sizes if ".".join(rest[:size]) in content), 0)


def _follow_all(
    gate: Gate, rest: tuple[str, ...], done: tuple[str, ...], content: Mapping[str, Any]
) -> Iterator[tuple[Any, Any]]:
    """Follow every branch; one that leads nowhere is an error only where all do."""
    scope = gate.scope if len(done) == 1 else ()
    branches = [key for key, inner in content.items() if _is_judged_part(inner) and (not scope or key in scope)]
    found: list[list[tuple[Any, Any]] | _MisledError] = []
    for key in branches:
        try:
            found.append(list(_follow(gate, rest, (*done, key), content[key])))
        except _MisledError as error:
            found.append(error)
    errors = [one for one in found if isinstance(one, _MisledError)]
    if errors and len(errors) == len(found):
        raise errors[0]
    for key, one in zip(branches, found, strict=True):
        if isinstance(one, _MisledError):
            yield (*done, key, *rest), _NotThere("it was not measured here, though it was elsewhere")
        else:
            yield from one


def _is_judged_part(content: Any) -> bool:
    """Whether `*` stands for this: an attribute, or a group that is judged; not a measurement beside them."""
    return isinstance(content, Mapping) and not _is_measurement(content) and content.get("judged", True) is not False


def _is_measurement(content: Any) -> bool:
    """Whether this is a measurement, and not a mapping in which an attribute or a group is named `value`."""
    return isinstance(content, Mapping) and "value" in content and not isinstance(content["value"], Mapping)


def _require_scope(gate: Gate, metrics: Mapping[str, Any]) -> None:
    attributes = list(metrics.get("fairness", {}))
    for name in gate.scope:
        if name not in attributes:
            raise _MisledError(f"its scope has the attribute '{name}'", nearest_name(name, attributes))


def _leaf(keys: tuple[str, ...], found: Any) -> Leaf:
    if isinstance(found, _NotThere):
        return Leaf(keys, None, undefined=found.why)
    if _is_measurement(found):
        return Leaf(keys, *(found.get(key) for key in READ))
    if isinstance(found, int | float) and not isinstance(found, bool):
        return Leaf(keys, float(found), plain=True)
    parts = list(found) if isinstance(found, Mapping) else []
    listed = f"; it holds: {', '.join(map(str, parts))}" if parts else ""
    raise _MisledError(f"'{'.'.join(keys)}' is not a measurement", listed)
