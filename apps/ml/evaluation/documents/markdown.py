"""How values of the record are written in Markdown: escaped, with their intervals, in tables."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.templating import document_environment

_SPECIAL = re.compile(r"([\\`*~|\[\]#]|(?<![^\W_])_|_(?![^\W_]))")
_STARTS_A_BLOCK = re.compile(r"^(\d{0,9})([-+=.)])(?=[\s=-]|$)")
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of the text that follows."""


class Markdown(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def render_markdown(template: str, record: Mapping[str, Any], **content: Any) -> str:
    """Return a document from its template; everything that is not :class:`Markdown` is escaped."""
    environment = document_environment(finalize=escape_markdown)
    environment.filters |= {
        "measured": measured,
        "rate": rate,
        "figured": figured,
        "held_together": held_together,
        "digest": digest,
        "percent": lambda value, digits=1: Markdown(words.percent(value, digits)),
    }
    environment.globals |= {"table": table, "words": words}
    return environment.get_template(template).render(record=record, **content)


def escape_markdown(value: Any) -> str:
    """Return a value as text that Markdown and HTML show as it is, on one line."""
    if isinstance(value, Markdown):
        return value
    text = " ".join(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(value)).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _STARTS_A_BLOCK.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))


def measured(measurement: Mapping[str, Any]) -> Markdown:
    """Return value and interval of a measurement, or that it is undefined and why."""
    return _written(measurement, words.number(measurement["value"]), words.interval(measurement))


def figured(measurement: Mapping[str, Any]) -> Markdown:
    """Return value and interval of a number of any size, or that it is undefined and why."""
    return _written(measurement, words.figure(measurement["value"]), words.figure_interval(measurement))


def rate(measurement: Mapping[str, Any]) -> Markdown:
    """Return value and interval of a share in percent, or that it is undefined and why."""
    return _written(measurement, words.percent(measurement["value"]), words.interval(measurement, as_percent=True))


def held_together(measurement: Mapping[str, Any], as_percent: bool = False) -> Markdown:
    """Return the interval that holds together with all others of its family; a dash where there is none."""
    bounds = {"lower": measurement.get("simultaneous_lower"), "upper": measurement.get("simultaneous_upper")}
    return Markdown(words.interval(bounds, as_percent).lstrip() or words.NONE)


def digest(value: str) -> Markdown:
    """Return a digest as code, or that none is stated."""
    return Markdown(f"`{value}`" if value else "not stated")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[int] = ()) -> Markdown:
    """Return a table; `numbers` are the positions of columns that are set to the right. Nothing without rows."""
    lines = [_line(head), _line([Markdown("---:" if at in numbers else "---") for at in range(len(head))])]
    body = [_line(row) for row in rows]
    return Markdown("\n".join([*lines, *body]) if body else "")


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(escape_markdown(cell) for cell in cells) + " |"


def _written(measurement: Mapping[str, Any], value: str, bounds: str) -> Markdown:
    if measurement["value"] is None:
        return Markdown(f"undefined: {escape_markdown(measurement['undefined'])}")
    return Markdown(f"{value} {bounds}".strip())
