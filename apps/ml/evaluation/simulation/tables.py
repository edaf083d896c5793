"""What a study found, as rows of a table, as CSV, and summed up by shape and number of groups."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import NamedTuple

from apps.ml.evaluation.simulation.family import FamilyOutcome
from apps.ml.evaluation.simulation.methods import METHODS
from apps.ml.evaluation.simulation.study import Outcome

DIGITS = 4


class Summary(NamedTuple):
    """One method in all `settings` of one shape and number of groups.

    Coverage is the lowest of them. FAIL verdicts are the highest share at parity, where each is a false alarm, and the
    mean share elsewhere, where it is power.
    """

    shape: str
    groups: int
    method: str
    settings: int
    gap_coverage: float | None
    ratio_coverage: float | None
    gap_fail: float
    ratio_fail: float


def summarise(outcomes: Sequence[Outcome]) -> list[Summary]:
    """Sum up by shape, number of groups and method, in the order in which they occur."""
    keys = dict.fromkeys((outcome.setting.shape, outcome.setting.groups) for outcome in outcomes)
    return [
        _summary([outcome for outcome in outcomes if _is(outcome, shape, groups, method)])
        for shape, groups in keys
        for method in METHODS
    ]


def _is(outcome: Outcome, shape: str, groups: int, method: str) -> bool:
    return (outcome.setting.shape, outcome.setting.groups, outcome.method) == (shape, groups, method)


def _summary(outcomes: Sequence[Outcome]) -> Summary:
    first = outcomes[0]
    together = max if first.setting.gap == 0 else fmean
    return Summary(
        first.setting.shape,
        first.setting.groups,
        first.method,
        len(outcomes),
        _least(outcome.gap_coverage for outcome in outcomes),
        _least(outcome.ratio_coverage for outcome in outcomes),
        together(outcome.gap_fail for outcome in outcomes),
        together(outcome.ratio_fail for outcome in outcomes),
    )


def _least(shares: Iterable[float | None]) -> float | None:
    return min((share for share in shares if share is not None), default=None)


def to_csv(outcomes: Sequence[Outcome]) -> str:
    """Return one line per setting and method, with a heading."""
    return _written([outcome.to_dict() for outcome in outcomes])


def family_to_csv(outcomes: Sequence[FamilyOutcome]) -> str:
    """Return one line per family, with a heading."""
    return _written([asdict(outcome) for outcome in outcomes])


def _written(rows: Sequence[dict[str, object]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _rounded(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _rounded(value: object) -> object:
    return round(value, DIGITS) if isinstance(value, float) else value
