import json

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from fairlearn.reductions import AbsoluteLoss, BoundedGroupLoss, SquareLoss
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from apps.ml.errors import DataError, ParameterError
from apps.ml.evaluation.fairness.regression import assess_moments, assess_regression
from apps.ml.evaluation.fairness.regression_measures import MEANS, mean_difference, regression_quantities
from apps.ml.evaluation.fairness.regression_results import RegressionAttribute
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.moments import Moments, moments_by_group
from apps.ml.parameters import ModelEvaluation

PARAMETERS = ModelEvaluation(seed=1, minimum_group_size=2)
VALUES = st.floats(-1e6, 1e6, allow_nan=False, width=32)
ROWS = st.lists(st.tuples(st.sampled_from("abc"), VALUES, VALUES), min_size=1, max_size=40)


def drawn(shifts: list[float], n: int, seed: int) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Labels, predictions that are too low by the shift of the group, groups."""
    generator = np.random.default_rng(seed)
    groups = np.repeat([f"g{at}" for at in range(len(shifts))], n)
    labels = generator.normal(50, 10, len(groups))
    predictions = labels - np.repeat(shifts, n) + generator.normal(0, 3, len(groups))
    return labels, predictions, pd.DataFrame({"group": groups})


def assessed(shifts: list[float], n: int, seed: int, limit: float | None = None) -> RegressionAttribute:
    return assess_regression(*drawn(shifts, n, seed), PARAMETERS, limit).attributes["group"]


def bounds(found: Measurement) -> tuple[float, float]:
    assert found.lower is not None
    assert found.upper is not None
    return found.lower, found.upper


def test_numbers_of_two_groups_checked_by_hand() -> None:
    labels, predictions = [1.0, 3.0, 10.0, 20.0], [2.0, 2.0, 10.0, 14.0]
    found = assess_regression(labels, predictions, pd.DataFrame({"g": list("aabb")}), PARAMETERS).attributes["g"]
    values = {name: [found.groups[group].metrics[name].value for group in "ab"] for name in (*MEANS, "r_squared")}
    assert values == {
        "mean_prediction": [2, 12],
        "mean_label": [2, 15],
        "mean_error": [0, -3],
        "mean_absolute_error": [1, 3],
        "mean_squared_error": [1, 18],
        # 1 − 2/2 and 1 − 36/50.
        "r_squared": [0, pytest.approx(0.28)],
    }
    gap = found.metrics["mean_error_difference"]
    assert (gap.value, gap.lowest, gap.highest, gap.n) == (3, "b", "a", 4)
    assert found.metrics["largest_group_loss"].highest == "b"


def test_errors_by_group_are_those_of_fairlearn() -> None:
    labels, predictions, groups = drawn([0.0, 2.0, 5.0], 100, 2)
    measures = {
        "mean_absolute_error": mean_absolute_error,
        "mean_squared_error": mean_squared_error,
        "r_squared": r2_score,
    }
    frame = MetricFrame(metrics=measures, y_true=labels, y_pred=predictions, sensitive_features=groups["group"])
    found = assess_regression(labels, predictions, groups, PARAMETERS).attributes["group"]
    for name in measures:
        for group in found.groups:
            assert found.groups[group].metrics[name].value == pytest.approx(frame.by_group.loc[group, name])
    for name in ("mean_absolute_error", "mean_squared_error"):
        assert found.metrics[f"{name}_difference"].value == pytest.approx(frame.difference()[name])


# fairlearn fills a Series in a way that pandas deprecates.
@pytest.mark.filterwarnings("ignore:Setting:pandas.errors.Pandas4Warning")
@pytest.mark.parametrize(
    ("loss", "theirs"), [("absolute", AbsoluteLoss(-1e9, 1e9)), ("squared", SquareLoss(-1e9, 1e9))]
)
def test_the_largest_group_loss_is_what_fairlearn_bounds(loss: str, theirs: object) -> None:
    labels, predictions, groups = drawn([0.0, 2.0, 5.0], 60, 3)
    moment = BoundedGroupLoss(theirs, upper_bound=4.0)
    moment.load_data(np.zeros((len(labels), 1)), labels, sensitive_features=groups["group"])
    excess = moment.gamma(lambda _: predictions)
    found = assess_regression(labels, predictions, groups, PARAMETERS, 4.0, loss)  # type: ignore[arg-type]
    bounded = found.attributes["group"].bounded_group_loss
    assert bounded is not None
    assert bounded.largest.value == pytest.approx(float(excess.max()))
    assert bounded.largest.highest == str(excess.idxmax())


def test_the_gap_of_two_groups_has_the_interval_of_welch() -> None:
    labels, predictions, groups = drawn([0.0, 2.0], 40, 4)
    predictions[:40] += np.random.default_rng(9).normal(0, 9, 40)
    first, second = ((predictions - labels)[groups["group"] == name] for name in ("g0", "g1"))
    interval = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    values = regression_quantities(labels, predictions)
    found = mean_difference(moments_by_group(values, groups["group"]), "mean_error", 0.95)
    lower, upper = bounds(found)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert upper == pytest.approx(max(interval.high, -interval.low))
    assert lower == pytest.approx(max(interval.low, 0.0))


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 40))
def test_moments_of_two_parts_merge_into_those_of_all_rows(rows: list[tuple[str, float, float]], cut: int) -> None:
    groups, labels, predictions = zip(*rows, strict=True)

    def of(part: slice) -> Moments:
        values = regression_quantities(np.array(labels[part], dtype=float), np.array(predictions[part], dtype=float))
        return moments_by_group(values, list(groups[part]))

    whole, merged = of(slice(None)), of(slice(0, cut)).merge(of(slice(cut, None)))
    merged = merged.select(whole.groups)
    assert merged.n.tolist() == whole.n.tolist()
    for one, other in ((merged.means, whole.means), (merged.squares, whole.squares)):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-6 * max(1.0, float(np.abs(other).max(initial=0.0))))


def test_a_small_spread_around_a_large_mean_survives_merging() -> None:
    values = 1e9 + np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    parts = [moments_by_group({"x": values[at : at + 2]}, ["a", "a"]) for at in (0, 2, 4)]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert merged.variance("x")[0] == pytest.approx(np.var(values, ddof=1), rel=1e-4)
    assert Moments.from_dict(json.loads(json.dumps(merged.to_dict()))).squares.tolist() == merged.squares.tolist()


def test_the_assessment_from_merged_moments_is_that_of_all_rows() -> None:
    labels, predictions, groups = drawn([0.0, 2.0, 5.0], 50, 5)
    values = regression_quantities(labels, predictions)
    halves = [
        moments_by_group({name: part[at::2] for name, part in values.items()}, groups["group"].iloc[at::2])
        for at in (0, 1)
    ]
    found = assess_moments(halves[0].merge(halves[1]), PARAMETERS, 4.0)
    wanted = assess_regression(labels, predictions, groups, PARAMETERS, 4.0).attributes["group"]
    for name, metric in found.metrics.items():
        assert bounds(wanted.metrics[name]) == pytest.approx(bounds(metric))


@pytest.mark.parametrize("shifts", [[0.0, 0.0], [0.0] * 6, [0.0, 1.0, 3.0]])
def test_gaps_and_the_largest_loss_are_covered(shifts: list[float]) -> None:
    residual = [stats.norm(shift, 3) for shift in shifts]
    loss = max(one.expect(abs) for one in residual)
    covered = np.zeros(2)
    for seed in range(120):
        found = assessed(shifts, 60, seed).metrics
        for at, (name, truth) in enumerate((("mean_error_difference", max(shifts)), ("largest_group_loss", loss))):
            lower, upper = bounds(found[name])
            covered[at] += lower <= truth + 1e-9 and truth <= upper
    # Three standard errors of a simulated share of .95 are .06.
    assert covered.min() / 120 > 0.95 - 0.06


@pytest.mark.parametrize(("limit", "verdict"), [(6.5, "PASS"), (5.05, "INCONCLUSIVE"), (3.5, "FAIL")])
def test_a_limit_on_the_loss_has_three_verdicts(limit: float, verdict: str) -> None:
    bounded = assessed([0.0, 5.0], 400, 6, limit).bounded_group_loss
    assert bounded is not None
    assert bounded.largest.value == pytest.approx(5.0, abs=0.4)
    assert bounded.verdict == verdict


def test_a_small_or_unknown_group_is_shown_and_not_judged() -> None:
    groups = pd.DataFrame({"g": ["a"] * 5 + ["b"] * 5 + ["c"] + [None] * 4})
    generator = np.random.default_rng(7)
    found = assess_regression(generator.normal(size=15), generator.normal(size=15), groups, PARAMETERS, 9.0)
    written = found.to_dict()["g"]
    assert written["groups"]["c"]["why_not"] == "1 row is fewer than the minimum group size of 2"
    assert written["groups"]["unknown"]["why_not"] == "the group of these rows is unknown"
    assert written["mean_label_difference"]["n"] == 10
    assert written["bounded_group_loss"]["verdict"] == "PASS"
    json.dumps(written, allow_nan=False)


def test_what_cannot_be_told_is_undefined_or_has_no_bounds_and_never_passes() -> None:
    groups = pd.DataFrame({"g": ["a", "a", "b", "b"]})
    found = assess_regression([1.0] * 4, [1.0] * 4, groups, PARAMETERS, 5.0).attributes["g"]
    assert "nothing to explain" in str(found.groups["a"].metrics["r_squared"].undefined)
    gap = found.metrics["mean_label_difference"]
    assert (gap.value, gap.lower, gap.upper) == (0.0, None, None)
    assert found.bounded_group_loss is not None
    assert found.bounded_group_loss.verdict == "INCONCLUSIVE"
    alone = assess_regression([1.0, 2.0], [1.0, 2.0], pd.DataFrame({"g": ["a", "a"]}), PARAMETERS).attributes["g"]
    assert "only 'a' is judged" in str(alone.metrics["mean_label_difference"].undefined)
    nobody = assess_regression([1.0], [1.0], pd.DataFrame({"g": ["a"]}), PARAMETERS, 5.0).attributes["g"]
    assert nobody.metrics["largest_group_loss"].undefined == "no group is judged"
    assert nobody.bounded_group_loss is not None
    assert nobody.bounded_group_loss.verdict == "INCONCLUSIVE"


def test_names_of_groups_and_order_of_rows_do_not_matter() -> None:
    labels, predictions, groups = drawn([0.0, 2.0, 5.0], 30, 8)
    order = np.random.default_rng(8).permutation(len(labels))
    renamed = groups.replace({"group": {"g0": "z", "g1": "y", "g2": "x"}})
    one = assess_regression(labels, predictions, groups, PARAMETERS).attributes["group"]
    two = assess_regression(labels[order], predictions[order], renamed.iloc[order], PARAMETERS).attributes["group"]
    for name, metric in one.metrics.items():
        assert two.metrics[name].value == pytest.approx(metric.value)
        assert (two.metrics[name].lower, two.metrics[name].upper) == pytest.approx((metric.lower, metric.upper))


@pytest.mark.parametrize(
    ("labels", "predictions", "groups", "message"),
    [
        ([1.0, np.nan], [1.0, 2.0], {"g": ["a", "b"]}, "labels: 1 of 2 rows are missing or infinite"),
        ([1.0, 2.0], [np.inf, 2.0], {"g": ["a", "b"]}, "predictions: 1 of 2 rows"),
        (["x", "y"], [1.0, 2.0], {"g": ["a", "b"]}, "labels: expected one number per row"),
        ([1.0], [1.0, 2.0], {"g": ["a", "b"]}, "labels 1, predictions 2, groups 2"),
        ([1.0, 2.0], [1.0, 2.0], {}, "no sensitive attribute"),
    ],
)
def test_input_that_cannot_be_used_is_refused(
    labels: list[float], predictions: list[float], groups: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        assess_regression(labels, predictions, pd.DataFrame(groups, index=[0, 1]), PARAMETERS)


def test_a_limit_below_zero_is_refused() -> None:
    with pytest.raises(ParameterError, match="number of 0 or more"):
        assessed([0.0, 0.0], 5, 0, limit=-1.0)
