"""The study's own parts, fairlearn's bootstrap against ours, and the short form of the promises."""

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.simulation.family import run_family
from apps.ml.evaluation.simulation.methods import (
    METHODS,
    bonferroni,
    percentile_bootstrap,
    plug_in,
    redrawn,
    shares_of_cells,
)
from apps.ml.evaluation.simulation.picture import study_plot
from apps.ml.evaluation.simulation.settings import (
    GAP_LIMIT,
    ONE_APART,
    ONE_SMALL,
    PARITY,
    full_settings,
    quick_settings,
    setting,
)
from apps.ml.evaluation.simulation.study import Outcome, run_setting, run_study
from apps.ml.evaluation.simulation.tables import summarise, to_csv
from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference

REPLICATES = 200
ERROR = 3 * (0.95 * 0.05 / REPLICATES) ** 0.5
"""Three standard errors of a simulated share of .95."""


def by_method(outcomes: tuple[Outcome, ...]) -> dict[str, Outcome]:
    return {outcome.method: outcome for outcome in outcomes}


def test_settings_say_their_truth() -> None:
    apart = setting(ONE_APART, 5, 1000, 0.3)
    assert apart.rates == (0.3, 0.3, 0.3, 0.3, 0.45)
    assert (apart.gap, apart.ratio) == pytest.approx((0.15, 2 / 3))
    assert setting(PARITY, 20, 50, 0.02).gap == 0
    assert setting(ONE_SMALL, 2, 1000, 0.3).rows == (100, 1000)
    assert len(set(full_settings())) == len(full_settings())
    assert {each.groups for each in full_settings()} == {2, 5, 20}


def test_bonferroni_of_two_groups_is_the_plain_interval() -> None:
    found = bonferroni(np.array([[48, 56]]), np.array([80, 70]), 0.95, np.random.default_rng(0))
    expected = newcombe_difference(56, 70, 48, 80, 0.95)
    assert (found.gap_lower[0], found.gap_upper[0]) == pytest.approx((float(expected.lower), float(expected.upper)))


def test_plain_estimates_have_no_width_and_no_ratio_without_any_success() -> None:
    found = plug_in(np.array([[20, 30], [0, 0]]), np.array([100, 100]), 0.95, np.random.default_rng(0))
    assert found.gap_lower == pytest.approx([0.1, 0.0])
    assert found.ratio_upper[0] == pytest.approx(2 / 3)
    assert np.isnan(found.ratio_lower[1])


def test_the_multinomial_draw_is_fairlearns_bootstrap() -> None:
    metrics = pytest.importorskip("fairlearn.metrics")
    rows, successes = np.array([40, 60, 50]), np.array([10, 24, 15])
    groups = np.repeat(np.arange(3), rows)
    decisions = np.concatenate([np.arange(n) < x for n, x in zip(rows, successes, strict=True)]).astype(int)
    frame = metrics.MetricFrame(
        metrics=metrics.selection_rate,
        y_true=decisions,
        y_pred=decisions,
        sensitive_features=pd.Series(groups, name="group"),
        n_boot=100,
        ci_quantiles=[0.1, 0.5, 0.9],
        random_state=7,
    )
    theirs = np.array(frame.difference_ci(method="between_groups"), dtype=float)
    cells = np.stack([successes, rows - successes], axis=1).reshape(1, -1)
    shares = shares_of_cells(redrawn(cells, 4000, np.random.default_rng(0)))[:, 0]
    ours = np.quantile(np.ptp(shares, axis=1), [0.1, 0.5, 0.9])
    # A quantile of 100 draws of a gap that spreads by .08 is off by about .015.
    assert np.allclose(theirs, ours, atol=0.05)


def test_the_percentile_bootstrap_never_covers_parity() -> None:
    generator = np.random.default_rng(0)
    rows = np.full(5, 100)
    found = percentile_bootstrap(generator.binomial(100, 0.3, size=(50, 5)), rows, 0.95, generator)
    assert (found.gap_lower > 0).all()
    assert (found.ratio_upper < 1).all()


@pytest.mark.parametrize("each", [setting(PARITY, 5, 100, 0.3), setting(PARITY, 5, 50, 0.02)], ids=["usual", "rare"])
def test_at_parity_our_gates_seldom_fail_and_the_intervals_cover(each: object) -> None:
    ours = by_method(run_setting(each, REPLICATES, 3, 0.95))["test inversion"]  # type: ignore[arg-type]
    assert ours.gap_coverage is not None
    assert ours.ratio_coverage is not None
    assert min(ours.gap_coverage, ours.ratio_coverage) > 0.95 - ERROR
    assert max(ours.gap_fail, ours.ratio_fail) < 0.05


def test_a_gap_is_found_more_often_than_by_bonferroni() -> None:
    found = by_method(run_setting(setting(ONE_APART, 5, 1000, 0.3), REPLICATES, 1, 0.95))
    ours, theirs = found["test inversion"], found["Bonferroni"]
    assert ours.gap_coverage is not None
    assert ours.gap_coverage > 0.95 - ERROR
    assert ours.gap_fail > theirs.gap_fail + 0.1
    assert ours.ratio_fail > theirs.ratio_fail


def test_the_plain_estimate_fails_a_fair_model_about_half_of_the_time() -> None:
    found = by_method(run_setting(setting(PARITY, 5, 100, 0.3), REPLICATES, 2, 0.95))["plug-in"]
    assert found.gap_coverage is None
    assert 0.4 < found.gap_fail < 0.65
    assert found.ratio_fail > 0.75
    assert GAP_LIMIT == 0.10


def test_a_family_of_gates_at_parity_hardly_ever_fails_under_holm() -> None:
    found = run_family(2000, 20, 0, 0.10, 0.8)
    assert found.members == 24
    assert found.holm <= found.each_alone <= found.plug_in
    assert found.holm == 0
    assert found.plug_in > 0.5


def test_a_study_repeats_with_its_seed_whatever_else_runs() -> None:
    settings = quick_settings()[:2]
    calls: list[int] = []
    together = run_study(settings, 20, 5, done=lambda: calls.append(1))
    assert together[len(METHODS) :] == run_study(settings[1:], 20, 5)
    assert len(calls) == 2
    assert together != run_study(settings, 20, 6)


def test_the_study_becomes_a_table_and_a_picture() -> None:
    outcomes = run_study(quick_settings(), 20, 0)
    lines = to_csv(outcomes).splitlines()
    assert len(lines) == 1 + len(outcomes)
    assert lines[0].startswith("shape,groups,rows,base_rate,gap,ratio,method,replicates,gap_coverage")
    summaries = summarise(outcomes)
    assert [each.method for each in summaries[:4]] == list(METHODS)
    assert all(each.settings == 2 for each in summaries)
    assert study_plot(outcomes).png.startswith(b"\x89PNG")


@pytest.mark.slow
def test_every_setting_of_the_full_table_is_covered() -> None:
    replicates = 1000
    ours = [each for each in run_study(full_settings(), replicates, 1) if each.method == "test inversion"]
    error = 3 * (0.94 * 0.06 / replicates) ** 0.5
    for each in ours:
        shares = [share for share in (each.gap_coverage, each.ratio_coverage) if share is not None]
        assert min(shares) > 0.94 - error, each
        if each.setting.gap == 0:
            assert max(each.gap_fail, each.ratio_fail) < 0.05 + error, each
