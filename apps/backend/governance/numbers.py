"""What an item tells of the evidence: measurements with their intervals, cut to a size that a store takes."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

MOST_BYTES = 64 << 10
"""Of an item's content."""

LONGEST_TEXT = 500
MOST_ENTRIES = 50
DEEPEST = 6
KEPT = ("value", "n", "lower", "upper", "confidence", "undefined", "lowest", "highest", "rate")
"""Of a measurement; the method by which it was made stays in the record."""


def is_measurement(content: object) -> bool:
    """Tell whether this is a measurement: docs/ml/evidence.md."""
    return isinstance(content, Mapping) and "value" in content and "n" in content


def measurement(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a measurement."""
    return {name: clipped(content[name]) for name in KEPT if name in content}


def measurements(content: object) -> dict[str, Any]:
    """Return the measurements that a mapping holds at its top, by name."""
    found = content.items() if isinstance(content, Mapping) else ()
    return {str(name): measurement(value) for name, value in found if is_measurement(value)}


def chosen(content: object, names: Iterable[str]) -> dict[str, Any]:
    """Return what a mapping holds under these names, clipped."""
    found = content if isinstance(content, Mapping) else {}
    return {name: clipped(found[name]) for name in names if name in found}


def clipped(content: Any, deepest: int = DEEPEST) -> Any:
    """Return JSON-ready content with long texts, long lists and what is nested deeply cut off."""
    if isinstance(content, str):
        return content if len(content) <= LONGEST_TEXT else content[:LONGEST_TEXT] + "…"
    if isinstance(content, Mapping | list) and not deepest:
        return None
    if isinstance(content, Mapping):
        kept = list(content.items())[:MOST_ENTRIES]
        return {str(name)[:LONGEST_TEXT]: clipped(value, deepest - 1) for name, value in kept}
    if isinstance(content, list):
        return [clipped(value, deepest - 1) for value in content[:MOST_ENTRIES]]
    return content


def lowest_confidence(content: object) -> float | None:
    """Return the lowest level at which any interval in this content holds; None where there is no interval."""
    if isinstance(content, Mapping):
        own = content.get("confidence")
        has_interval = own is not None and content.get("lower") is not None
        nested = [lowest_confidence(value) for value in content.values()]
        levels = [*nested, float(own) if has_interval and isinstance(own, int | float) else None]
    elif isinstance(content, list):
        levels = [lowest_confidence(value) for value in content]
    else:
        return None
    return min((level for level in levels if level is not None), default=None)


def fitted(facts: Mapping[str, Any], numbers: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Return facts and numbers as one content; numbers at the end are left out and counted until it is small enough."""
    names = list(numbers)
    kept = len(names)
    while True:
        content = {**facts, "numbers": {name: numbers[name] for name in names[:kept]}, "left_out": len(names) - kept}
        if not kept or len(json.dumps(content, ensure_ascii=True)) <= most_bytes:
            return content
        kept //= 2
