"""Great Expectations runs the promises of a declaration; what comes back are facts without ids and times."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.promises import Promise
from apps.ml.errors import Finding


@dataclass(frozen=True)
class Judgement:
    """Whether one promise was kept.

    `rows`: how many rows break it, None for promises that rows cannot break singly; `positions`: which rows, for
    promises about single values; `judged`: False where no verdict could be had; `by_all`: every row breaks it.
    """

    promise: Promise
    kept: bool
    rows: int | None
    positions: npt.NDArray[np.int64]
    judged: bool = True
    by_all: bool = False


@dataclass(frozen=True)
class Validation:
    """The judgement on every promise, in the order in which they were asked."""

    judgements: tuple[Judgement, ...]

    @property
    def passed(self) -> int:
        return sum(judgement.kept for judgement in self.judgements)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every broken promise, without those that another finding about the same subject explains."""
        broken = {(one.promise.code, one.promise.subject) for one in self.judgements if not one.kept}
        return tuple(_finding(one) for one in self.judgements if not one.kept and not _is_silenced(one.promise, broken))

    @property
    def broken_single_values(self) -> tuple[Judgement, ...]:
        """The broken promises that name their rows."""
        return tuple(one for one in self.judgements if one.promise.about_single_values and len(one.positions))


def validate(frame: pd.DataFrame, promises: Sequence[Promise]) -> Validation:
    """Run every promise on a data frame in one pass and return all judgements.

    Parameters
    ----------
    frame: what :func:`apps.ml.data.promises.promised_frame` returns, at least one row, index 0 … n - 1.
    """
    results = _run(frame, promises)
    return Validation(tuple(_judgement(promise, results[position]) for position, promise in enumerate(promises)))


def _run(frame: pd.DataFrame, promises: Sequence[Promise]) -> dict[int, Any]:
    # Starting Great Expectations takes seconds, so it is imported where it is used.
    import great_expectations as gx
    from great_expectations import expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    with _quiet("great_expectations"):
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        asked = [
            getattr(expectations, promise.expectation)(**promise.arguments, meta={"position": position})
            for position, promise in enumerate(promises)
        ]
        suite = gx.ExpectationSuite(name="promises", expectations=asked)
        answer = batch.validate(
            suite, result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False}
        )
    # Results come back ordered by kind of expectation, so each carries its place in the question.
    return {int(result.expectation_config.meta["position"]): result for result in answer.results}


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library's notices out of the stage's output; what matters comes back as results."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _judgement(promise: Promise, result: Any) -> Judgement:
    facts = result.result or {}
    kept = bool(result.success)
    count = facts.get("unexpected_count")
    positions = np.array(facts.get("unexpected_index_list") or [], dtype=np.int64)
    judged = kept or count is not None or "observed_value" in facts
    by_all = count is not None and count == facts.get("element_count")
    return Judgement(promise, kept, None if count is None else int(count), positions, judged, by_all)


def _is_silenced(promise: Promise, broken: set[tuple[str, str | None]]) -> bool:
    return any((code, promise.subject) in broken for code in promise.silenced_by)


def _finding(judgement: Judgement) -> Finding:
    promise = judgement.promise
    if not judgement.judged:
        return Finding("not_judged", f"the promise '{promise.code}' could not be judged", promise.subject)
    if promise.code == "missing" and judgement.by_all:
        expected = "some value; leave the column out or mend the source"
        return Finding("all_missing", "every value is missing", promise.subject, judgement.rows, expected)
    return Finding(promise.code, promise.broken, promise.subject, judgement.rows, promise.expected)
