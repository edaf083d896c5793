"""Mitigated models: contributions explain the score; reasons and ways explain the decision, the adjustment included."""

from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import GROUP
from apps.ml.deployment.explaining.reason_part import ReasonPart
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.tests.code.deployment.explaining.conftest import MakeExplained
from apps.ml.tests.code.deployment.explaining.test_reasons_given import offline_report

BOTH = Wanted(counterfactual=True)
OPTIONS = {
    "group_thresholds": {"folds": 2},
    "blind_post_processing": {"folds": 2},
    "threshold_optimizer": {"grid_size": 50},
    "fair_boosting": {"folds": 2},
}


def training(method: str) -> dict[str, Any]:
    own = {"constraint": "demographic_parity", "tolerance": 0.1, "options": {method: OPTIONS[method]}}
    return {"mitigation": {"method": method, "attribute": "sex", **own}}


@pytest.mark.parametrize("method", sorted(OPTIONS))
def test_the_score_is_explained_and_reasons_are_those_of_the_evidence(method: str, explained: MakeExplained) -> None:
    case = explained("lightgbm", **training(method))
    rows = case.bad[:15]
    frame, answers = case.chosen(rows)
    report = offline_report(case)
    for row, score, one in zip(
        rows.tolist(), answers.scores, case.explainer.explain_frame(frame, answers, BOTH), strict=True
    ):
        assert one.base is not None, one.undefined
        assert one.contributions is not None
        assert one.base + sum(one.contributions.values()) == pytest.approx(np.log(score / (1 - score)), abs=1e-6)
        assert [reason.words for reason in one.reasons or ()] == report[row]["reasons"]
        assert not {reason.column for reason in one.reasons or ()} & {"city", "sex", GROUP + "sex"}
        if one.counterfactual is not None:
            assert not {change.column for change in one.counterfactual.changes} & {"age", "city", GROUP + "sex"}


def test_the_group_that_decisions_need_adds_nothing_to_the_score(explained: MakeExplained) -> None:
    case = explained("lightgbm", **training("group_thresholds"))
    assert case.model.bundle.info.group is not None
    assert isinstance(case.explainer.reasons, ReasonPart)
    assert case.explainer.reasons.neighbours is None
    for one in case.explainer.explain_frame(*case.chosen(np.arange(5)), Wanted(reasons=False)):
        assert (one.contributions or {})[GROUP + "sex"] == 0.0
