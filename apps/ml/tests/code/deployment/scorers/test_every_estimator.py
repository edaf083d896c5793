"""Every estimator and every mitigation gets a compiled scorer whose answers are the bundle's.

Written over the catalogues: whoever adds an entry is tested here without another line, but for options that make it
small.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.deployment.scorers.choice import choose_scorer
from apps.ml.deployment.scorers.probes import values_of
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.compatibility import why_not
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.tests.code.deployment.scorers.small_bundles import held_out, mitigated, stored_bundle

PLAIN = [
    pair for pair in product(ESTIMATORS, (CLASSIFICATION, REGRESSION)) if why_not(pair[0], "none", pair[1]) is None
]
METHODS = [
    (method, task)
    for method, task in product(MITIGATIONS, (CLASSIFICATION, REGRESSION))
    if method != "none" and why_not("lightgbm", method, task) is None
]
CALIBRATED = list(product(("lightgbm", "random_forest", "voting"), ("sigmoid", "isotonic")))


@pytest.mark.parametrize(("estimator", "task"), PLAIN, ids=["-".join(pair) for pair in PLAIN])
def test_every_estimator_has_a_compiled_scorer(estimator: str, task: Task, tmp_path: Path) -> None:
    bundle = stored_bundle(tmp_path / "bundle", estimator, task)
    assert_same_answers(bundle, tmp_path / "bundle")


@pytest.mark.parametrize(("method", "task"), METHODS, ids=["-".join(pair) for pair in METHODS])
def test_every_mitigation_has_a_compiled_scorer(method: str, task: Task, tmp_path: Path) -> None:
    bundle = stored_bundle(tmp_path / "bundle", "lightgbm", task, **mitigated(method, task))
    assert_same_answers(bundle, tmp_path / "bundle")


@pytest.mark.parametrize(("estimator", "curve"), CALIBRATED, ids=["-".join(pair) for pair in CALIBRATED])
def test_curves_over_outputs_are_compiled(estimator: str, curve: str, tmp_path: Path) -> None:
    bundle = stored_bundle(tmp_path / "bundle", estimator, calibration={"method": curve, "folds": 2})
    assert_same_answers(bundle, tmp_path / "bundle")


@pytest.mark.parametrize("members", [("random_forest", "hist_gradient_boosting"), ("xgboost", "mlp", "naive_bayes")])
@pytest.mark.parametrize("mean_of", ["log_odds", "probabilities"])
def test_ensembles_of_any_members_are_compiled(members: tuple[str, ...], mean_of: str, tmp_path: Path) -> None:
    small: dict[str, dict[str, Any]] = {
        "random_forest": {"n_estimators": 3, "max_depth": 4},
        "hist_gradient_boosting": {"max_iter": 4},
        "xgboost": {"n_estimators": 4},
        "mlp": {"hidden_units": 4, "epochs": 2},
        "naive_bayes": {},
    }
    chosen = [{"estimator": name, "options": small[name]} for name in members]
    bundle = stored_bundle(
        tmp_path / "bundle", "voting", estimators={"voting": {"members": chosen, "mean_of": mean_of}}
    )
    assert_same_answers(bundle, tmp_path / "bundle")


def assert_same_answers(bundle: ModelBundle, folder: Path) -> None:
    """Three routes, rows that the choice has not seen, far within the golden tolerance, and every decision."""
    scorer = choose_scorer(bundle, folder)
    assert scorer.name != "bundle", scorer.refused
    frame = held_out(bundle)
    rows, expected = values_of(frame, bundle.info.columns), bundle.answers(frame)
    single = [scorer.score_row(values) for values in rows]
    for found in (scorer.answers(frame), scorer.score_rows(rows)):
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(found.decisions, expected.decisions)
    np.testing.assert_allclose([score for score, _ in single], expected.scores, rtol=1e-12, atol=1e-12)
    decisions = [None] * len(rows) if expected.decisions is None else expected.decisions.tolist()
    assert [decision for _, decision in single] == decisions
