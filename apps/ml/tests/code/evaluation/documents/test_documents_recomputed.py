"""An auditor with the counts alone, scipy and a calculator finds every number of the two tables of outcomes again."""

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency, fisher_exact

from apps.ml.evaluation.documents.four_fifths import render_four_fifths
from apps.ml.evaluation.documents.ll144 import render_ll144
from apps.ml.evaluation.record.record_file import require_layout
from apps.ml.tests import small_evaluation

NAMES = ("female", "male | x", "<b>third</b>", "unknown")
NUMBERS = re.compile(r"−?\d[\d,]*(?:\.\d+)?")
Sizes = dict[str, tuple[int, int]]

sizes = st.tuples(st.integers(0, 130), st.integers(0, 130))
audits = st.builds(
    lambda found, favourable: (dict(zip(NAMES, found, strict=False)), favourable),
    st.lists(sizes, min_size=2, max_size=4).filter(lambda found: sum(map(sum, found)) > 0),
    st.sampled_from(["positive", "negative"]),
)


def audited(groups: Sizes, favourable: str) -> dict[str, Any]:
    """A valid record of one attribute; group → (decided 1, decided 0)."""
    record = small_evaluation.audit_record()
    counts = [[[zeros, ones], [0, 0]] for ones, zeros in groups.values()]
    record["decision"]["favourable"] = favourable
    record["counts"] = {"sex": {"groups": list(groups), "labelled": False, "counts": counts}}
    told = {name: {"n": sum(size), "judged": sum(size) >= 30} for name, size in groups.items()}
    record["fairness"] = {"sex": {"groups": told}}
    record["data"]["attributes"] = [{"name": "sex", "columns": ["sex"], "groups": list(groups)}]
    record["data"]["notes"] = []
    require_layout(record)
    return record


def rows_of(text: str, head: str) -> dict[str, list[str]]:
    """Cells of a table by the name of the row, unescaped."""
    if head not in text:
        return {}
    table = text[text.index(head) :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]
    shown = {name.replace("|", r"\|").replace("<", "&lt;").replace(">", "&gt;"): name for name in NAMES}
    return {shown[row[0]]: row[1:] for row in rows}


def numbers(cell: str) -> list[float]:
    return [float(found.replace(",", "")) for found in NUMBERS.findall(cell)]


def favoured(record: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Group → (decided favourably, persons), from the counts of the record."""
    at = 1 if record["decision"]["favourable"] == "positive" else 0
    counts = record["counts"]["sex"]
    blocks = [np.array(block) for block in counts["counts"]]
    return {
        name: (int(block[:, at].sum()), int(block.sum())) for name, block in zip(counts["groups"], blocks, strict=True)
    }


def require_rate(cell: str, selected: int, persons: int) -> None:
    if not persons:
        assert cell == "undefined: there are no persons"
        return
    interval = binomtest(selected, persons).proportion_ci(0.95, method="wilson")
    expected = [100 * selected / persons, 100 * interval.low, 100 * interval.high]
    assert numbers(cell) == pytest.approx(expected, abs=0.051)


def require_ratio(cell: str, own: tuple[int, int], best: tuple[int, int] | None) -> None:
    if best is None or not best[0] or not own[1]:
        assert cell.startswith("undefined: ")
    else:
        value, lower, upper = numbers(cell)
        assert value == pytest.approx(float(Fraction(*own) / Fraction(*best)), abs=0.00051)
        assert lower <= value + 0.0005
        assert upper >= value - 0.0005


def best_of(groups: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
    """The highest rate, or None where fewer than two groups are compared."""
    return None if len(groups) < 2 else max(groups.values(), key=lambda one: Fraction(*one) if one[1] else Fraction(0))


@settings(max_examples=60, deadline=None)
@given(audits)
def test_every_number_of_the_local_law_is_found_again_in_the_counts(audit: tuple[Sizes, str]) -> None:
    record = audited(*audit)
    text, found = render_ll144(record), favoured(record)
    known = {name: one for name, one in found.items() if name != "unknown"}
    everybody = sum(persons for _, persons in known.values())
    compared = {name: one for name, one in known.items() if 100 * one[1] >= 2 * everybody}
    rows = rows_of(text, "| Category |")
    assert rows.keys() == known.keys()
    for name, (selected, persons) in known.items():
        told, chosen, rate, ratio = rows[name]
        assert (numbers(told), numbers(chosen)) == ([persons], [selected])
        require_rate(rate, selected, persons)
        if name in compared:
            require_ratio(ratio, (selected, persons), best_of(compared))
        else:
            assert ratio == "left out: under 2 %"
    unknown = found.get("unknown", (0, 0))[1]
    assert f"Persons whose category is unknown, not in the table: {unknown}." in text
    assert f"Persons audited: {everybody + unknown}, the rows of the file" in text


def p_value_of(own: tuple[int, int], best: tuple[int, int]) -> float:
    table = np.array([[own[0], own[1] - own[0]], [best[0], best[1] - best[0]]])
    if not table.sum(axis=0).all():
        return 1.0
    test = chi2_contingency(table, correction=False)
    return float(fisher_exact(table).pvalue if test.expected_freq.min() < 5 else test.pvalue)


def is_below(own: tuple[int, int], best: tuple[int, int]) -> bool:
    return best[0] > 0 and Fraction(*own) / Fraction(*best) < Fraction(4, 5)


def one_decides(own: tuple[int, int], best: tuple[int, int]) -> bool:
    flipped = [((own[0] + step, own[1]), best) for step in (1, -1)] + [(own, (best[0] + s, best[1])) for s in (1, -1)]
    possible = [(a, b) for a, b in flipped if 0 <= a[0] <= a[1] and 0 <= b[0] <= b[1]]
    return any(is_below(a, b) != is_below(own, best) for a, b in possible)


def finding_of(below: bool, p_value: float, decides: bool) -> str:
    if not below:
        return "at or above four-fifths, but the difference is significant" if p_value <= 0.05 else "no adverse impact"
    if p_value > 0.05:
        return "under four-fifths, but not significant: undecided"
    return "under four-fifths, but one person decides it: undecided" if decides else "adverse impact indicated"


@settings(max_examples=60, deadline=None)
@given(audits)
def test_every_number_of_the_four_fifths_table_is_found_again_in_the_counts(audit: tuple[Sizes, str]) -> None:
    record = audited(*audit)
    found = favoured(record)
    judged = {name: one for name, one in found.items() if name != "unknown" and one[1] >= 30}
    best = best_of(judged)
    rows = rows_of(render_four_fifths(record), "| Group |")
    assert rows.keys() == found.keys()
    for name, own in found.items():
        persons, selected, rate, ratio, p_value, decides, said = rows[name]
        assert (numbers(persons), numbers(selected)) == ([own[1]], [own[0]])
        require_rate(rate, *own)
        if name not in judged:
            assert (ratio, p_value, decides) == ("–", "–", "–")
            assert said.startswith("not judged: ")
            continue
        require_ratio(ratio, own, best)
        if best is None or not best[0]:
            assert said == "not comparable"
        elif said != "highest rate":
            expected = p_value_of(own, best)
            told = 0.0005 if p_value.startswith("under 0.001") else numbers(p_value)[0]
            assert told == pytest.approx(expected, abs=0.00051)
            assert decides == ("yes" if one_decides(own, best) else "no")
            assert said.startswith(finding_of(is_below(own, best), expected, one_decides(own, best)))
            assert (numbers(ratio)[0] < 0.8) == is_below(own, best)
        else:
            assert Fraction(*own) == Fraction(*best)
