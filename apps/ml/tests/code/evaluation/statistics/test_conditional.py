import json
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.statistics.conditional import (
    ConditionalDisparity,
    conditional_demographic_disparity,
    conditional_disparity,
)
from apps.ml.evaluation.statistics.counting.counts import CountTable

BERKELEY = {
    "A": ((512, 313), (89, 19)),
    "B": ((353, 207), (17, 8)),
    "C": ((120, 205), (202, 391)),
    "D": ((138, 279), (131, 244)),
    "E": ((53, 138), (94, 299)),
    "F": ((22, 351), (24, 317)),
}
"""Admitted and rejected men and women by department (Bickel, Hammel and O'Connell 1975)."""

RABBITS = {
    "1/8": ((0, 6), (0, 5)),
    "1/4": ((3, 3), (0, 6)),
    "1/2": ((6, 0), (2, 4)),
    "1": ((5, 1), (6, 0)),
    "4": ((2, 0), (5, 0)),
}
"""Cured and dead rabbits by delay of the injection and level of penicillin (Mantel 1963; R's `mantelhaen.test`)."""

Pairs = Mapping[str, tuple[tuple[int, int], ...]]
STRATA = st.dictionaries(
    st.sampled_from("uvwxyz"),
    st.tuples(*[st.tuples(st.integers(0, 12), st.integers(0, 12))] * 3),
    min_size=1,
    max_size=6,
)


def tables_of(strata: Pairs, groups: tuple[str, ...], scale: int = 1) -> dict[str, CountTable]:
    """Favourable and other decisions per group, as if no row had the positive event."""
    return {
        name: CountTable(groups, scale * np.array([[[no, yes], [0, 0]] for yes, no in parts]))
        for name, parts in strata.items()
    }


def compared(strata: Pairs, groups: tuple[str, ...] = ("a", "b"), scale: int = 1) -> ConditionalDisparity:
    return conditional_disparity(tables_of(strata, groups, scale), "positive", 0.95)


def slow_difference(strata: Pairs, one: int, other: int) -> float | None:
    """Mantel-Haenszel risk difference, stratum by stratum."""
    gap = weight = 0.0
    for parts in strata.values():
        n, m = sum(parts[one]), sum(parts[other])
        if n and m:
            w = n * m / (n + m)
            gap, weight = gap + w * (parts[one][0] / n - parts[other][0] / m), weight + w
    return gap / weight if weight else None


def slow_statistic(strata: Pairs, groups: int) -> tuple[float, int]:
    """Generalised Cochran-Mantel-Haenszel: all groups but the last, covariance entry by entry."""
    excess, variance = np.zeros(groups - 1), np.zeros((groups - 1, groups - 1))
    for parts in strata.values():
        n, m = sum(map(sum, parts)), sum(part[0] for part in parts)
        if n < 2:
            continue
        sizes = [sum(part) for part in parts]
        for i in range(groups - 1):
            excess[i] += parts[i][0] - sizes[i] * m / n
            for j in range(groups - 1):
                variance[i, j] += m * (n - m) / (n - 1) * (sizes[i] / n * (i == j) - sizes[i] * sizes[j] / n**2)
    return float(excess @ np.linalg.pinv(variance, rcond=1e-10) @ excess), int(np.linalg.matrix_rank(variance))


def test_a_difference_within_two_strata_checked_by_hand() -> None:
    # Gaps .5 and .2 with weights 10·10/20 = 5 and 40·10/50 = 8.
    found = compared({"u": ((8, 2), (3, 7)), "v": ((20, 20), (3, 7))}).difference
    assert found.value == pytest.approx((5 * 0.5 + 8 * 0.2) / 13)
    assert (found.lowest, found.highest, found.n) == ("b", "a", 70)


def test_admissions_in_berkeley_have_the_published_test_and_odds_ratio() -> None:
    cmh = compared(BERKELEY, ("men", "women")).cmh
    # R: mantelhaen.test(UCBAdmissions, correct = FALSE) and with the correction.
    assert cmh["statistic"] == pytest.approx(1.5246, abs=5e-5)
    assert cmh["p_value"] == pytest.approx(0.2169, abs=5e-5)
    assert cmh["corrected_statistic"] == pytest.approx(1.4269, abs=5e-5)
    assert cmh["corrected_p_value"] == pytest.approx(0.2323, abs=5e-5)
    assert cmh["odds_ratio"]["value"] == pytest.approx(0.9046968, abs=5e-8)
    assert cmh["odds_ratio"]["lower"] == pytest.approx(0.7719074, abs=5e-8)
    assert cmh["odds_ratio"]["upper"] == pytest.approx(1.0603298, abs=5e-8)
    assert (cmh["group"], cmh["against"], cmh["degrees_of_freedom"]) == ("men", "women", 1)


def test_rabbits_have_the_published_test_and_strata_without_variation_are_left_out() -> None:
    cmh = compared(RABBITS).cmh
    assert cmh["corrected_statistic"] == pytest.approx(3.9286, abs=5e-5)
    assert cmh["corrected_p_value"] == pytest.approx(0.04747, abs=5e-6)
    assert cmh["odds_ratio"]["value"] == pytest.approx(7.0)
    assert cmh["odds_ratio"]["upper"] == pytest.approx(47.725133, abs=5e-7)
    assert cmh["strata"] == 3
    assert cmh["left_out"] == {"1/8": "nobody is decided favourably", "4": "everybody is decided favourably"}


def test_women_were_admitted_less_overall_and_not_less_within_departments() -> None:
    found = compared(BERKELEY, ("men", "women")).difference
    assert found.highest == "women"
    assert found.lower == 0.0
    assert found.value == pytest.approx(0.0184, abs=5e-5)


@settings(max_examples=60, deadline=None)
@given(STRATA)
def test_difference_and_test_are_those_of_the_slow_way(strata: Pairs) -> None:
    found, cmh = compared(strata, ("a", "b", "c"))
    gaps = [slow_difference(strata, i, j) for i in range(3) for j in range(3) if i != j]
    if None in gaps:
        assert "share no stratum" in str(found.undefined)
    else:
        assert found.value == pytest.approx(max(gap for gap in gaps if gap is not None))
        assert found.lower is not None
        assert found.upper is not None
        assert 0 <= found.lower <= found.value <= found.upper <= 1  # type: ignore[operator]
    statistic, freedom = slow_statistic(strata, 3)
    if "undefined" in cmh:
        assert freedom == 0
    else:
        assert cmh["degrees_of_freedom"] == freedom
        assert cmh["statistic"] == pytest.approx(statistic, abs=1e-9)
    json.dumps(cmh, allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(STRATA)
def test_order_of_groups_and_strata_and_the_name_of_the_favourable_decision_do_not_matter(strata: Pairs) -> None:
    one, cmh = compared(strata, ("a", "b", "c"))
    turned = {name: parts[::-1] for name, parts in reversed(list(strata.items()))}
    other, cmh_turned = compared(turned, ("c", "b", "a"))
    assert one.value == pytest.approx(other.value)
    assert one.upper == pytest.approx(other.upper)
    assert cmh.get("statistic") == pytest.approx(cmh_turned.get("statistic"), abs=1e-9)
    negative = {name: tuple((no, yes) for yes, no in parts) for name, parts in strata.items()}
    mirrored = conditional_disparity(tables_of(negative, ("a", "b", "c")), "negative", 0.95).difference
    assert mirrored.value == pytest.approx(one.value)
    assert (mirrored.lower, mirrored.upper) == (one.lower, one.upper)


@pytest.mark.parametrize(("sizes", "gap"), [((20, 30), 0.0), ((3, 2), 0.15), ((50, 50), 0.1)])
def test_the_interval_covers_the_true_difference_and_the_test_keeps_its_level(
    sizes: tuple[int, int], gap: float
) -> None:
    generator = np.random.default_rng(4)
    base = np.linspace(0.1, 0.5, 30 if max(sizes) < 10 else 5)
    covered = rejected = 0
    for _ in range(200):
        x, y = generator.binomial(sizes[0], base), generator.binomial(sizes[1], base + gap)
        strata: Pairs = {
            str(at): ((int(a), sizes[0] - int(a)), (int(b), sizes[1] - int(b)))
            for at, (a, b) in enumerate(zip(x, y, strict=True))
        }
        found, cmh = compared(strata)
        covered += found.lower <= gap + 1e-12 and gap <= found.upper  # type: ignore[operator]
        rejected += cmh["p_value"] < 0.05
    # Three standard errors of a simulated share of .95 are .046.
    assert covered / 200 > 0.95 - 0.046
    if gap == 0:
        assert rejected / 200 < 0.05 + 0.046


def test_strata_without_any_variation_still_leave_room_above() -> None:
    found, cmh = compared({"u": ((0, 20), (0, 10)), "v": ((15, 0), (15, 0))})
    assert (found.value, found.lower) == (0.0, 0.0)
    assert found.upper > 0.02  # type: ignore[operator]
    assert cmh["undefined"] == "no stratum has two groups and both decisions"
    assert cmh["strata"] == 0


def test_groups_that_never_meet_cannot_be_compared() -> None:
    found, cmh = compared({"u": ((3, 2), (0, 0)), "v": ((0, 0), (1, 4))})
    assert found.undefined == "'a' and 'b' share no stratum"
    assert set(cmh["left_out"].values()) == {"fewer than two groups have rows"}
    assert "only 'a' is judged" in str(compared({"u": ((3, 2),)}, ("a",)).difference.undefined)
    assert "none is judged" in str(conditional_disparity({}, "positive", 0.95).difference.undefined)


def test_a_group_that_always_wins_has_no_odds_ratio() -> None:
    cmh = compared({"u": ((5, 0), (0, 5))}).cmh
    assert "always or never" in cmh["odds_ratio"]["undefined"]
    assert cmh["p_value"] < 0.01


def test_equal_weights_change_nothing() -> None:
    plain = tables_of(BERKELEY, ("men", "women"))
    weighted = {
        k: CountTable(t.groups, t.counts, np.float64(3) * t.counts, np.float64(9) * t.counts) for k, t in plain.items()
    }
    one, two = (conditional_disparity(tables, "positive", 0.95) for tables in (plain, weighted))
    assert two.difference.upper == pytest.approx(one.difference.upper)
    assert two.cmh["p_value"] == pytest.approx(one.cmh["p_value"])


def test_demographic_disparity_within_strata_checked_by_hand() -> None:
    # u: a is 2/6 of those refused and 8/14 of those chosen; v: everybody is chosen, which says nothing.
    tables = tables_of({"u": ((8, 2), (6, 4)), "v": ((5, 0), (5, 0))}, ("a", "b"))
    found = conditional_demographic_disparity(tables, "positive", 0.95)
    assert found["a"].value == pytest.approx(2 / 6 - 8 / 14)
    assert found["b"].value == pytest.approx(4 / 6 - 6 / 14)
    assert found["a"].n == 20
    assert found["a"].lower < found["a"].value < found["a"].upper  # type: ignore[operator]


def test_women_are_no_larger_part_of_the_refused_within_departments() -> None:
    found = conditional_demographic_disparity(tables_of(BERKELEY, ("men", "women")), "positive", 0.95)
    assert found["women"].value == pytest.approx(-0.0193, abs=5e-5)
    assert found["men"].value == pytest.approx(-found["women"].value)  # type: ignore[operator]


def test_demographic_disparity_is_undefined_where_every_stratum_has_one_decision() -> None:
    found = conditional_demographic_disparity(tables_of({"u": ((3, 0), (2, 0))}, ("a", "b")), "positive", 0.95)
    assert {one.undefined for one in found.values()} == {"no stratum has both decisions"}
