"""From an audited file to counts: one pass over the rows, and with scores some more for the exact median."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.exact_median import MedianSearch
from apps.ml.evaluation.audit.options import AuditOptions
from apps.ml.evaluation.audit.rows import RowReader
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts, count_jointly
from apps.ml.parameters import ModelEvaluation

Progress = Callable[[str, float], None]

MOST_CELLS = 5_000_000
"""Occupied cells that are kept in memory."""


@dataclass(frozen=True)
class AuditCounts:
    """What was counted in an audited file.

    Parameters
    ----------
    joint : JointCounts of every sensitive column and condition, with scores where they are probabilities
    scoring : the same rows, with "the score is strictly above the median" in place of the decision; None without scores
    median : of the scores of all rows; None without scores
    rows_read, left_out : rows of the file, and those of them without a prediction, label or score
    positive_words, negative_words : values of the prediction, as written in the file; empty without a prediction
    whole_bands : column → whether the numbers that were put into bands are all whole
    """

    joint: JointCounts
    scoring: JointCounts | None
    median: float | None
    rows_read: int
    left_out: int
    positive_words: tuple[str, ...]
    negative_words: tuple[str, ...]
    whole_bands: Mapping[str, bool]


def count_file(options: AuditOptions, parameters: ModelEvaluation, progress: Progress | None = None) -> AuditCounts:
    """Count the rows of a file of any size in constant memory.

    Raises
    ------
    DataError
        The file cannot be read or its rows cannot be audited as asked.
    """
    tell = progress or (lambda _what, _share: None)
    reader = RowReader(options, lambda share: tell("counting", share))
    search = MedianSearch() if options.score else None
    joint: JointCounts | None = None
    for rows in reader:
        scores = rows.scores if options.score_scale == "probability" else None
        counted = count_jointly(
            rows.decisions, rows.groups, rows.labels, scores, rows.weights, score_bins=parameters.score_bins
        )
        joint = _merged(joint, counted)
        if search is not None and rows.scores is not None:
            search.look(rows.scores)
    median = _median(options, search, tell)
    scoring = None if median is None else _count_above(options, median, tell)
    return AuditCounts(
        _in_order(joint, reader),
        None if scoring is None else _in_order(scoring, reader),
        median,
        reader.rows_read,
        reader.left_out,
        tuple(reader.prediction.words_found(positive=True)) if reader.prediction else (),
        tuple(reader.prediction.words_found(positive=False)) if reader.prediction else (),
        {name: column.whole for name, column in reader.attributes.items() if column.bands},
    )


def _merged(joint: JointCounts | None, more: JointCounts) -> JointCounts:
    merged = more if joint is None else joint.merge(more)
    if len(merged.cells) > MOST_CELLS:
        raise DataError(
            f"the sensitive columns and conditions cross to more than {MOST_CELLS:,} cells. Name fewer columns, or put "
            "numbers into bands with --bands."
        )
    return merged


def _in_order(joint: JointCounts | None, reader: RowReader) -> JointCounts:
    """Put the groups into display order and give bands their final names."""
    if joint is None:
        raise ValueError("a reader that yields no rows raises an error")
    columns = [reader.attributes[name] for name in joint.attributes]
    orders = [column.order(groups) for column, groups in zip(columns, joint.groups, strict=True)]
    names = tuple(
        tuple(column.final_names.get(group, group) for group in order)
        for column, order in zip(columns, orders, strict=True)
    )
    return replace(joint.reordered(orders), groups=names)


def _median(options: AuditOptions, search: MedianSearch | None, tell: Progress) -> float | None:
    """Look again until the median is known."""
    if search is None:
        return None
    search.end_look()
    while search.median is None:
        for rows in RowReader(options, lambda share: tell("median of the scores", share)):
            if rows.scores is not None:
                search.look(rows.scores)
        search.end_look()
    return search.median


def _count_above(options: AuditOptions, median: float, tell: Progress) -> JointCounts | None:
    found: JointCounts | None = None
    for rows in RowReader(options, lambda share: tell("scoring rates", share)):
        if rows.scores is not None:
            above = (rows.scores > median).astype(np.int8)
            counted = count_jointly(above, rows.groups, weights=rows.weights)
            found = _merged(found, counted)
    return found
