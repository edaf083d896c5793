"""Reasons of sampled unfavourable decisions, how far they can be trusted, and who is given which: one dictionary."""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.explanations.coded_rows import BoolArray
from apps.ml.evaluation.explanations.decision_rows import DecisionRows
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reason_checks import faithfulness, stability
from apps.ml.evaluation.explanations.reasons_given.reason_distribution import reasons_by_frequency, reasons_by_group
from apps.ml.evaluation.explanations.reasons_given.reason_words import reasons_in_words
from apps.ml.evaluation.explanations.reasons_given.reasons import RankedReasons, ReasonFinder, reason_finder
from apps.ml.evaluation.explanations.reasons_given.score_gains import BAND_SHARE, described_method
from apps.ml.evaluation.explanations.scored_model import FloatArray, sample_rows
from apps.ml.evaluation.statistics.shares.rates import share
from apps.ml.parameters import ModelEvaluation

Positions = npt.NDArray[np.intp]

EXAMPLES = 27
"""Stream of randomness that draws the rows whose reasons are spelled out."""

LIMITS = (
    "A reason says what the rule does with a value, not what causes the outcome.",
    "One column is replaced at a time; columns that say the same share what they cost, and each may look small.",
    "Replaced values may go together with the other values of a person as they never do in life.",
)
"""Known limits of the method, in words."""


def report_reasons(
    rule: DecisionRule, rows: DecisionRows, drawn: Positions, unfavourable: int, parameters: ModelEvaluation
) -> dict[str, Any]:
    """Find the reasons of the drawn rows and measure them.

    Parameters
    ----------
    rule : DecisionRule
    rows : DecisionRows
    drawn : intp [n], positions of unfavourably decided rows
    unfavourable : int, how many rows are decided unfavourably
    parameters : ModelEvaluation

    Returns
    -------
    dict
        `method`, `limits`, `reference` (who is compared with), `rows` examined of `unfavourable_rows`,
        `reasons_by_frequency`, `without_reason` (share of rows that no column counts against that may be given),
        `withheld` (share of rows whose strongest factor is sensitive or a declared proxy, so that the reasons leave out
        what counted most), `faithfulness`, `stability`, `by_group`, and `examples`: a list of `row`, `reasons` in
        words, and `strongest_withheld`. Only `method`, `limits` and `undefined` with the reason where no row is decided
        unfavourably or nobody favourably.
    """
    described = {"method": described_method(parameters), "limits": list(LIMITS)}
    if not len(drawn):
        return described | {"undefined": "no row is decided unfavourably"}
    finder = reason_finder(rule, rows.reference, rows.attributes, parameters.explanations, parameters.seed)
    if finder is None:
        return described | {"undefined": "no reference row is decided favourably, so nobody is at the cut-off"}
    frame = rows.frame.iloc[drawn]
    finder = finder.knowing(frame)
    codes = finder.coded.codes(frame)
    ranked = finder.rank(codes)
    names = tuple(column.name for column in rule.columns)
    confidence, seed = parameters.confidence, parameters.seed
    return described | {
        "reference": _reference(finder, parameters),
        "rows": len(drawn),
        "unfavourable_rows": unfavourable,
        "reasons_by_frequency": reasons_by_frequency(ranked.order, names, confidence),
        "without_reason": share(int(np.sum(ranked.order[:, 0] < 0)), len(drawn), confidence, "").to_dict(),
        "withheld": _withheld(finder, ranked, confidence),
        "faithfulness": faithfulness(finder, codes, ranked, confidence, seed),
        "stability": stability(finder, codes, ranked, confidence, seed),
        "by_group": reasons_by_group(ranked.order, rows.groups.iloc[drawn], names, parameters),
        "examples": _examples(finder, codes, ranked, rows.rows[drawn], parameters),
    }


def _reference(finder: ReasonFinder, parameters: ModelEvaluation) -> dict[str, Any]:
    content: dict[str, Any] = {"rows": len(finder.pool), "drawn": finder.drawn}
    if parameters.explanations.reason_method == "below_average_at_cutoff":
        content["band"] = (
            f"the {BAND_SHARE:.0%} of favourably decided training rows whose scores are nearest the cut-off"
        )
    return content


def _withheld(finder: ReasonFinder, ranked: RankedReasons, confidence: float) -> dict[str, Any]:
    hidden = _is_withheld(finder, ranked)
    columns = [
        column.name for column, given in zip(finder.coded.columns, finder.may_be_given, strict=True) if not given
    ]
    return {"columns": columns, "share": share(int(hidden.sum()), len(hidden), confidence, "").to_dict()}


def _is_withheld(finder: ReasonFinder, ranked: RankedReasons) -> BoolArray:
    """Return [n], whether the factor that counted most may not be given as a reason."""
    return (ranked.strongest >= 0) & ~finder.may_be_given[ranked.strongest]


def _examples(
    finder: ReasonFinder,
    codes: FloatArray,
    ranked: RankedReasons,
    numbers: npt.NDArray[np.int64],
    parameters: ModelEvaluation,
) -> list[dict[str, Any]]:
    chosen = sample_rows(len(codes), parameters.explanations.local_rows, parameters.seed, EXAMPLES)
    listed, withheld = finder.listed(codes, ranked), _is_withheld(finder, ranked)
    return [
        {
            "row": int(numbers[position]),
            "reasons": reasons_in_words(listed[position], finder.coded.columns),
            "strongest_withheld": bool(withheld[position]),
        }
        for position in chosen
    ]
