"""One entry of `model_tuning.search`: `[low, high]`, `{low, high, log, points}` or `{values: […]}`, checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from apps.ml.errors import ParameterError
from apps.ml.parameters.search import Choice, Dimension, Range, is_whole
from apps.ml.parameters.values import Section
from apps.ml.validation_errors import nearest_name

RANGE_KEYS = ("low", "high", "log", "points")
FORMS = "[low, high], {low, high, log, points}, {values: […]} or null"
FEWEST_POINTS = 2


@dataclass(frozen=True)
class Searched:
    """One searched option. `whole`: whole numbers only. `points`: of a range in a grid, None: not said."""

    option: str
    dimension: Dimension
    whole: bool
    points: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        if isinstance(self.dimension, Choice):
            return {"values": list(self.dimension.values)}
        points = {} if self.points is None else {"points": self.points}
        bounds = {"low": self.dimension.low, "high": self.dimension.high, "log": self.dimension.log}
        return {**bounds, "whole": self.whole, **points}


def overridden(options: type[Section], estimator: str, option: str, given: Any) -> Searched:
    """Read what takes the place of an option's declared space.

    Raises
    ------
    ParameterError
        It has another form, leaves nothing to search, or holds what the option does not accept.
    """
    path = f"model_tuning.search.{estimator}.{option}"
    whole = is_whole(options, option)
    if isinstance(given, Mapping) and set(given) == {"values"}:
        return Searched(option, _choice(path, options, option, given["values"]), whole)
    low, high, log, points = _range_parts(path, given)
    for end in (low, high):
        _require_accepted(path, options, option, end)
    if whole and not (float(low).is_integer() and float(high).is_integer()):
        raise ParameterError(f"{path}: the option takes whole numbers. Give whole numbers as low and high.")
    return Searched(option, Range(low, high, log), whole, points)


def hinted(name: str, valid: list[str]) -> str:
    """Return the nearest valid name, or all of them, so that the sentence before ends."""
    hint = nearest_name(name, valid)
    return hint if hint.endswith("?") else f"{hint}."


def _range_parts(path: str, given: Any) -> tuple[float, float, bool, int | None]:
    content = given
    if isinstance(given, list | tuple):
        if len(given) != 2:
            raise ParameterError(f"{path}: a list holds low and high, this one {len(given)} entries. Write {FORMS}.")
        content = {"low": given[0], "high": given[1]}
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: expected {FORMS}. Write one of these.")
    unknown = [str(key) for key in content if key not in RANGE_KEYS]
    if unknown:
        hint = hinted(unknown[0], list(RANGE_KEYS))
        raise ParameterError(f"{path}: unknown key '{unknown[0]}'{hint} Write {FORMS}.")
    low, high, log, points = (content.get(key) for key in RANGE_KEYS)
    if low is None or high is None or not _is_number(low) or not _is_number(high):
        raise ParameterError(f"{path}: low and high must be numbers; for words write {{values: […]}}.")
    if not isinstance(log, bool | None):
        raise ParameterError(f"{path}.log: expected true or false. Mend it.")
    _require_range(path, float(low), float(high), bool(log))
    return float(low), float(high), bool(log), _points(path, points)


def _require_range(path: str, low: float, high: float, log: bool) -> None:
    if not low < high:
        raise ParameterError(
            f"{path}: low {low:g} is not below high {high:g}, so there is nothing to search. Give low < high, or null "
            "to leave the option as it is."
        )
    if log and low <= 0:
        raise ParameterError(f"{path}: on a logarithmic scale low must be above 0, not {low:g}. Raise it, or drop log.")


def _points(path: str, points: Any) -> int | None:
    if points is None:
        return None
    if not isinstance(points, int) or isinstance(points, bool) or points < FEWEST_POINTS:
        raise ParameterError(f"{path}.points: expected a whole number of at least {FEWEST_POINTS}. Mend it.")
    return points


def _choice(path: str, options: type[Section], option: str, values: Any) -> Choice:
    if not isinstance(values, list | tuple) or len(values) < 2:
        raise ParameterError(f"{path}.values: a choice needs a list of at least two values. Name another, or null.")
    for value in values:
        if not isinstance(value, str | int | float | bool):
            raise ParameterError(f"{path}.values: only words, numbers, true and false can be searched. Mend the list.")
        _require_accepted(path, options, option, value)
    if len({(type(value), value) for value in values}) < len(values):
        raise ParameterError(f"{path}.values: a value stands twice. Name each once.")
    return Choice(tuple(values))


def _require_accepted(path: str, options: type[Section], option: str, value: Any) -> None:
    try:
        accepted = getattr(options.model_validate({option: value}), option)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise ParameterError(
            f"{path}: {value} is not accepted by the option: {message[0].lower()}{message[1:]}. Narrow the space."
        ) from None
    if accepted != value or isinstance(accepted, bool) != isinstance(value, bool):
        raise ParameterError(f"{path}: {value} is not accepted by the option as it stands. Mend the space.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
