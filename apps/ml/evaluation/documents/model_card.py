"""The model card: one Markdown file, rendered from the evidence record alone."""

import re
from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.summary import limits
from apps.ml.evaluation.documents.templating import document_environment

_SPECIAL = re.compile(r"([\\`*|\[\]#])")


def render_model_card(record: Mapping[str, Any]) -> str:
    """Return the card as Markdown; every value of the record is escaped.

    References
    ----------
    Mitchell et al., "Model Cards for Model Reporting", FAccT 2019, section 4.
    """
    environment = document_environment(finalize=escape_markdown)
    environment.filters |= {"measured": measured, "rate": rate}
    template = environment.get_template("model_card.md.j2")
    return template.render(record=record, limits=limits(record), words=words)


class Markdown(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def escape_markdown(value: Any) -> str:
    """Return a value as text that Markdown and HTML show as it is, on one line."""
    if isinstance(value, Markdown):
        return value
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def measured(measurement: Mapping[str, Any]) -> Markdown:
    """Return value and interval of a measurement, or that it is undefined and why."""
    return _written(measurement, words.number(measurement["value"]), words.interval(measurement))


def rate(measurement: Mapping[str, Any]) -> Markdown:
    """Return value and interval of a share in percent, or that it is undefined and why."""
    return _written(measurement, words.percent(measurement["value"]), words.interval(measurement, as_percent=True))


def _written(measurement: Mapping[str, Any], value: str, bounds: str) -> Markdown:
    if measurement["value"] is None:
        return Markdown(f"undefined: {escape_markdown(measurement['undefined'])}")
    return Markdown(f"{value} {bounds}".strip())
