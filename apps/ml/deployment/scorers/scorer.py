"""What a scorer gives: the bundle's scores and decisions, for one row of values, for many, and for a typed frame."""

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from apps.ml.models.bundle import Answers

Value = float | int | bool | str | None
"""A value of a request that fits its column: a number, a truth value, a text, None where missing."""

Refused = tuple[tuple[str, str], ...]
"""Names of scorers that were not taken, each with the reason in words."""


class Scorer(Protocol):
    """Immutable and safe to share between threads; its scores are those of the bundle, within the golden tolerance."""

    @property
    def name(self) -> str:
        """What computes, for people and metrics: `lightgbm+tables`, `numpy`, `bundle`, …"""

    @property
    def refused(self) -> Refused:
        """Which other scorers were not taken, and why."""

    def score_row(self, values: Sequence[Value]) -> tuple[float, int | None]:
        """Return score and decision (None where nothing is decided) of one row.

        `values`: one per input column, in the order of `BundleInfo.columns`; they fit the columns (the caller checked).
        """

    def score_rows(self, rows: Sequence[Sequence[Value]]) -> Answers:
        """Return scores and decisions of many rows of values that fit."""

    def answers(self, frame: pd.DataFrame) -> Answers:
        """Return scores and decisions of a typed frame, as `features.request_frame` makes it."""
