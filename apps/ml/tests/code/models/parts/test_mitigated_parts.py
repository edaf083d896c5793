"""Draws, and the parts that mitigations leave behind: scores, decisions and files."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from apps.ml.errors import BundleError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.constant import Constant
from apps.ml.models.parts.correlation_removed import CorrelationRemoved
from apps.ml.models.parts.draws import draws
from apps.ml.models.parts.mixture import DrawnMember, Mixture
from apps.ml.models.parts.part import Adjustment, ExplainedPart, Part
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.parts.threshold_mixture import ThresholdMixture
from apps.ml.models.scoring import scores_of

X = np.random.default_rng(0).normal(size=(4000, 2))
Y = (X[:, 0] > 0).astype(np.int8)


def mixture() -> Mixture:
    members = [Constant(0.1, 2), LogisticRegression().fit(X[:200], Y[:200]), Constant(0.9, 2)]
    return Mixture(members, np.array([0.2, 0.5, 0.3]))


def thresholds() -> ThresholdMixture:
    numbers = np.array([[0.1, 0.3, 0.6, 0.4, 0.4, 0.7], [0.0, 0.0, 1.0, 2.0, 0.0, -1.0]])
    return ThresholdMixture(numbers, np.array([True, True]), 0.5, 9)


PARTS: dict[str, Any] = {
    "constant": Constant(0.25, 3),
    "mixture": mixture(),
    "drawn_member": DrawnMember(7),
    "correlation_removed": CorrelationRemoved(mixture(), np.array([[0.1, 0.2], [0.3, -0.4], [0.0, 0.0]])),
    "threshold_mixture": thresholds(),
}


def test_the_same_row_and_seed_give_the_same_draw_alone_and_among_others() -> None:
    alone = np.concatenate([draws(X[at : at + 1], 3) for at in range(20)])
    assert alone.tolist() == draws(X, 3)[:20].tolist()
    assert (draws(X, 4) != draws(X, 3)).mean() > 0.999
    assert draws(np.array([[0.0]]), 1) == draws(np.array([[-0.0]]), 1)


def test_the_last_digits_of_a_feature_do_not_change_a_draw() -> None:
    assert np.mean(draws(X * (1 + 1e-13), 3) == draws(X, 3)) > 0.999


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_draws_are_uniform_and_independent_of_the_features_and_of_other_seeds(seed: int) -> None:
    found = draws(X, seed)
    assert ((found >= 0) & (found < 1)).all()
    assert stats.chisquare(np.bincount((20 * found).astype(int), minlength=20)).pvalue > 1e-3
    assert abs(np.corrcoef(found, X[:, 0])[0, 1]) < 0.06
    assert abs(np.corrcoef(found, draws(X, seed + 1))[0, 1]) < 0.06


def test_members_are_drawn_as_often_as_their_weights_say() -> None:
    counts = Counter(mixture().drawn(X, 5).tolist())
    assert stats.chisquare([counts[at] for at in range(3)], 4000 * np.array([0.2, 0.5, 0.3])).pvalue > 1e-3


def test_a_row_gets_the_score_of_its_member_and_the_mean_of_all_as_its_score() -> None:
    one = mixture()
    adjustment = DrawnMember(5).bound_to(one)
    by_member = np.array([scores_of(member, X) for member in one.members])
    assert (adjustment.decision_scores(np.empty(0), X) == by_member[one.drawn(X, 5), np.arange(4000)]).all()
    assert scores_of(one, X) == pytest.approx(one.weights @ by_member)


def test_thresholds_are_drawn_with_their_probabilities() -> None:
    """One group, score 0.5: above the lower threshold only, so 0.1 · 0.3 + 0.9 · 0.6 = 0.57."""
    adjustment, rows = thresholds(), np.column_stack([X, np.zeros(4000)])
    decided = int(np.sum(adjustment.decision_scores(np.full(4000, 0.5), rows) >= 0.5))
    assert adjustment.probabilities(np.array([0.5]), np.array([0])) == pytest.approx(0.57)
    assert stats.binomtest(decided, 4000, 0.57).pvalue > 1e-3


def test_the_group_alone_does_not_draw_again() -> None:
    same = ThresholdMixture(np.tile(thresholds().numbers[:1], (2, 1)), np.array([True, True]), 0.5, 9)
    scores = np.linspace(0, 1, 4000)
    found = [same.decision_scores(scores, np.column_stack([X, np.full(4000, code)])) for code in (0, 1)]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("name", sorted(PARTS))
def test_every_part_comes_back_from_its_files_and_answers_the_same(name: str, tmp_path: Path) -> None:
    part = PARTS[name]
    write_part(tmp_path / "a", part)
    found = read_part(tmp_path / "a", STORED_TYPES)
    assert type(found) is type(part)
    write_part(tmp_path / "b", found)
    files = {path.relative_to(tmp_path / "a"): path.read_bytes() for path in (tmp_path / "a").rglob("*.json")}
    assert files == {path.relative_to(tmp_path / "b"): path.read_bytes() for path in (tmp_path / "b").rglob("*.json")}
    if isinstance(part, Part):
        rows = np.column_stack([X[:, 0], X[:, 1], np.arange(4000) % 3 - 1])[:, : part.n_features_in_]
        assert (scores_of(found, rows) == scores_of(part, rows)).all()
        assert not isinstance(part, ExplainedPart)
    if isinstance(part, ThresholdMixture):
        rows = np.column_stack([X, np.arange(4000) % 3 - 1])
        scores = np.linspace(0, 1, 4000)
        assert (found.decision_scores(scores, rows) == part.decision_scores(scores, rows)).all()


def test_adjustments_say_what_they_need() -> None:
    assert isinstance(DrawnMember(1), Adjustment)
    assert isinstance(thresholds(), Adjustment)
    assert (DrawnMember.needs_group, DrawnMember.randomised) == (False, True)
    assert (ThresholdMixture.needs_group, ThresholdMixture.randomised) == (True, True)


@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        ("constant", "constant.json", {"value": None}),
        ("constant", "constant.json", {"features": 0}),
        ("mixture", "mixture.json", {"weights": [0.2, 0.5, 0.4]}),
        ("mixture", "mixture.json", {"weights": []}),
        ("drawn_member", "drawn_member.json", {"seed": -1}),
        ("correlation_removed", "correlation_removed.json", {"shifts": [[1.0]]}),
        ("threshold_mixture", "threshold_mixture.json", {"judged": [1]}),
        ("threshold_mixture", "threshold_mixture.json", {"numbers": [[0, 0, 1, 5, 0, 0], [0, 0, 1, 0, 0, 0]]}),
        ("threshold_mixture", "threshold_mixture.json", {"more": 1}),
    ],
)
def test_numbers_that_cannot_be_are_refused(name: str, file: str, change: dict[str, Any], tmp_path: Path) -> None:
    write_part(tmp_path, PARTS[name])
    content = json.loads((tmp_path / file).read_text(encoding="utf-8"))
    (tmp_path / file).write_text(json.dumps(content | change), encoding="utf-8")
    with pytest.raises(BundleError, match=r"again\.$"):
        read_part(tmp_path, STORED_TYPES)


def test_members_are_drawn_from_a_mixture_only() -> None:
    with pytest.raises(BundleError, match="drawn from a Constant, which has none"):
        DrawnMember(1).bound_to(Constant(0.5, 2))
    with pytest.raises(BundleError, match="3 rows have no mixture"):
        DrawnMember(1).decision_scores(np.zeros(3), X[:3])
    with pytest.raises(BundleError, match="2 widths"):
        Mixture([Constant(0.5, 2), Constant(0.5, 3)], np.array([0.5, 0.5]))
