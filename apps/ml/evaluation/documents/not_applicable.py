"""Documents that speak of decisions, for a model that predicts numbers: one line that says so, and why."""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents.markdown import render_markdown


def render_not_applicable(record: Mapping[str, Any], title: str, asks: str) -> str:
    """Return a document of one sentence: not applicable to numeric predictions, with what the rule asks instead.

    Parameters
    ----------
    title : str
        Of the document.
    asks : str
        What the rule is about, as the end of the sentence "it asks for …".
    """
    return render_markdown("not_applicable.md.j2", record, title=title, asks=asks)
