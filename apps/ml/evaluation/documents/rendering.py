"""All documents that are rendered from the evidence record alone, by file name."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.annex_iv import render_annex_iv
from apps.ml.evaluation.documents.bills.aibom import render_aibom
from apps.ml.evaluation.documents.bills.aibom_controls import NOTHING_KNOWN, Facts
from apps.ml.evaluation.documents.bills.ml_bom import render_ml_bom
from apps.ml.evaluation.documents.four_fifths import render_four_fifths
from apps.ml.evaluation.documents.ll144 import render_ll144
from apps.ml.evaluation.documents.not_applicable import render_not_applicable
from apps.ml.evaluation.documents.reg_b import render_reg_b
from apps.ml.evaluation.record.layout import task_of

DOCUMENTS = (
    "nyc_ll144.md",
    "four_fifths.md",
    "reg_b_reasons.md",
    "eu_ai_act_annex_iv.md",
    "ml_bom.cdx.json",
    "aibom_fairness.json",
)
"""Files under reports/documents/, in display order."""

OF_DECISIONS = {
    "Bias audit after New York City Local Law 144": "selection rates, or scoring rates of a tool that selects persons",
    "Four-fifths rule and significance": "rates at which groups are selected",
    "Principal reasons of unfavourable decisions": "the reasons of decisions against persons",
}
"""Titles of the first three documents and what each is about."""


def render_documents(record: Mapping[str, Any], facts: Facts = NOTHING_KNOWN) -> dict[str, str]:
    """Return every document, file name → text.

    Parameters
    ----------
    record : mapping
        An evidence record, about a model or about decisions alone. Documents about decisions say of a model that
        predicts numbers, in one line, that they do not apply.
    facts : Facts
        What is known outside the record. Without a date, the signer fills it in: the record holds no time, so that the
        same evaluation gives the same bytes.
    """
    rest = (render_annex_iv(record, facts.dated), render_ml_bom(record), render_aibom(record, facts))
    return dict(zip(DOCUMENTS, (*_of_decisions(record, facts), *rest), strict=True))


def _of_decisions(record: Mapping[str, Any], facts: Facts) -> Sequence[str]:
    if task_of(record) == REGRESSION:
        return [render_not_applicable(record, title, asks) for title, asks in OF_DECISIONS.items()]
    return [render_ll144(record, facts.dated), render_four_fifths(record), render_reg_b(record)]
