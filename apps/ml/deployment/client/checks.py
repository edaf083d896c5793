"""Checks of parsed JSON, put together from small ones; what fails is named by its place, never by its value."""

import json
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

Check = Callable[[Any, str], Any]
"""Takes a value and its place, returns the value or raises :class:`NotTheContractError`."""


class NotTheContractError(ValueError):
    """A value is not what the contract promises; the message names its place and what was expected there."""


def parsed(content: bytes) -> Any:
    """Return a JSON document, read without lenience: NaN and Infinity are not JSON."""
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotTheContractError("the answer is not JSON") from None


def text(value: Any, place: str) -> str:
    """Require a text."""
    return value if isinstance(value, str) else _expected("a text", place)


def number(value: Any, place: str) -> float:
    """Require a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        _expected("a finite number", place)
    return float(value)


def flag(value: Any, place: str) -> bool:
    """Require true or false."""
    return value if isinstance(value, bool) else _expected("true or false", place)


def whole(value: Any, place: str) -> int:
    """Require a whole number from 0."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if fits else _expected("a whole number from 0", place)


def one_of(*choices: Any) -> Check:
    """Require one of the values, in its type."""
    known = {(type(choice), choice) for choice in choices}
    listed = ", ".join(str(choice) for choice in choices)

    def check(value: Any, place: str) -> Any:
        fits = isinstance(value, str | int | float) and (type(value), value) in known
        return value if fits else _expected(f"one of {listed}", place)

    return check


def optional(check: Check) -> Check:
    """Allow null beside what `check` allows."""
    return lambda value, place: None if value is None else check(value, place)


def each(check: Check) -> Check:
    """Require an array whose every entry passes `check`; return them as a tuple."""

    def checked(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            _expected("an array", place)
        return tuple(check(entry, f"{place}[{position}]") for position, entry in enumerate(value))

    return checked


def record(make: Callable[..., Any], /, **checks: Check) -> Check:
    """Require an object with these keys and hand their values to `make`; other keys belong to later versions."""

    def checked(value: Any, place: str) -> Any:
        found = mapping(value, place)
        for key in checks:
            if key not in found:
                raise NotTheContractError(f"{place or 'the answer'} has no key '{key}'")
        inside = f"{place}." if place else ""
        return make(**{key: check(found[key], f"{inside}{key}") for key, check in checks.items()})

    return checked


def mapping(value: Any, place: str) -> Mapping[str, Any]:
    """Require an object."""
    return value if isinstance(value, Mapping) else _expected("an object", place)


def number_or_text(value: Any, place: str) -> float | str:
    """Require a finite number or a text."""
    return value if isinstance(value, str) else number(value, place)


def texts_by_name(value: Any, place: str) -> Mapping[str, str]:
    """Require an object whose every value is a text."""
    return MappingProxyType({key: text(entry, f"{place}.{key}") for key, entry in mapping(value, place).items()})


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _expected(what: str, place: str) -> NoReturn:
    raise NotTheContractError(f"{place or 'the answer'} is not {what}")


def _no_constant(_: str) -> NoReturn:
    raise ValueError
