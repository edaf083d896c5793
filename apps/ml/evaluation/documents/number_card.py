"""The model card of a model that predicts numbers: one Markdown file, rendered from the evidence record alone."""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.markdown import Markdown, render_markdown
from apps.ml.evaluation.documents.number_tables import (
    comparisons_table,
    groups_table,
    individual_table,
    performance_table,
    reference_table,
    undefined_comparisons,
)
from apps.ml.evaluation.documents.summary import limits


def render_number_card(record: Mapping[str, Any]) -> str:
    """Return the card as Markdown; every value of the record is escaped.

    References
    ----------
    Mitchell et al., "Model Cards for Model Reporting", FAccT 2019, section 4.
    """
    return render_markdown(
        "number_card.md.j2",
        record,
        limits=limits(record),
        performance=performance_table(record),
        fairness={name: _fairness(part) for name, part in record["fairness"].items()},
        favourable=words.favourable_words(record["decision"]["favourable"]),
    )


def _fairness(part: Mapping[str, Any]) -> dict[str, Markdown | list[tuple[str, list[str]]]]:
    return {
        "comparisons": comparisons_table(part),
        "undefined": undefined_comparisons(part),
        "groups": groups_table(part),
        "reference": reference_table(part),
        "individual": individual_table(part),
    }
