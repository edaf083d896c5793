"""All documents that are rendered from the evidence record alone, by file name."""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents.annex_iv import render_annex_iv
from apps.ml.evaluation.documents.bills.aibom import render_aibom
from apps.ml.evaluation.documents.bills.aibom_controls import NOTHING_KNOWN, Facts
from apps.ml.evaluation.documents.bills.ml_bom import render_ml_bom
from apps.ml.evaluation.documents.four_fifths import render_four_fifths
from apps.ml.evaluation.documents.ll144 import render_ll144
from apps.ml.evaluation.documents.reg_b import render_reg_b

DOCUMENTS = (
    "nyc_ll144.md",
    "four_fifths.md",
    "reg_b_reasons.md",
    "eu_ai_act_annex_iv.md",
    "ml_bom.cdx.json",
    "aibom_fairness.json",
)
"""Files under reports/documents/, in display order."""


def render_documents(record: Mapping[str, Any], facts: Facts = NOTHING_KNOWN) -> dict[str, str]:
    """Return every document, file name → text.

    Parameters
    ----------
    record : mapping
        An evidence record of format 2, about a model or about decisions alone.
    facts : Facts
        What is known outside the record. Without a date, the signer fills it in: the record holds no time, so that the
        same evaluation gives the same bytes.
    """
    texts = (
        render_ll144(record, facts.dated),
        render_four_fifths(record),
        render_reg_b(record),
        render_annex_iv(record, facts.dated),
        render_ml_bom(record),
        render_aibom(record, facts),
    )
    return dict(zip(DOCUMENTS, texts, strict=True))
