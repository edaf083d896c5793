"""All pictures and tables of one evaluation, computed before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from apps.ml.evaluation.explanations.explanation import Explanation
from apps.ml.evaluation.plots.calibration import calibration_plot
from apps.ml.evaluation.plots.confusion import confusion_plot
from apps.ml.evaluation.plots.contributions import beeswarm_plot, importance_plot
from apps.ml.evaluation.plots.curves import precision_recall_plot, roc_plot
from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.plots.groups import overall_rates, rates_plot, scores_plot
from apps.ml.evaluation.plots.style import Plot
from apps.ml.evaluation.plots.tables import (
    calibration_points,
    confusion_counts,
    confusion_table,
    precision_recall_points,
    roc_points,
    to_csv,
)
from apps.ml.files import write_text, write_with
from apps.ml.parameters import ModelEvaluation

ROC, PRECISION_RECALL, CALIBRATION, CONFUSION = "roc.csv", "precision_recall.csv", "calibration.csv", "confusion.csv"


@dataclass(frozen=True)
class Drawings:
    """Pictures in the order of the report, and tables by file name."""

    plots: tuple[Plot, ...]
    tables: Mapping[str, pd.DataFrame]

    def write(self, folder: Path) -> None:
        """Write every picture as PNG and every table as CSV into `folder`."""
        for plot in self.plots:
            write_with(folder / plot.file_name, partial(_write_bytes, plot.png))
        for name, table in self.tables.items():
            write_text(folder / name, to_csv(table))


def tables_of(rows: EvaluatedRows, parameters: ModelEvaluation) -> dict[str, pd.DataFrame]:
    """Return the tables that `dvc plots` draws, by file name."""
    counts = confusion_counts(rows.labels, rows.decisions)
    return {
        ROC: roc_points(rows.labels, rows.scores),
        PRECISION_RECALL: precision_recall_points(rows.labels, rows.scores),
        CALIBRATION: calibration_points(rows.labels, rows.scores, parameters.calibration_bins, parameters.confidence),
        CONFUSION: confusion_table(counts, rows.positive_name, rows.negative_name),
    }


def draw_all(
    rows: EvaluatedRows,
    performance: Mapping[str, Any],
    fairness: Mapping[str, Any],
    explanation: Explanation,
    features: pd.DataFrame,
    parameters: ModelEvaluation,
) -> Drawings:
    """Draw everything once.

    Parameters
    ----------
    rows : EvaluatedRows
        All test rows.
    performance, fairness : mappings
        Contents of performance.json and fairness.json.
    explanation : Explanation
    features : data frame [n, input columns]
        Of all test rows; their ranks colour the dots of the beeswarm.
    parameters : ModelEvaluation
    """
    tables = tables_of(rows, parameters)
    overall = overall_rates(rows)
    plots = [
        roc_plot(rows, tables[ROC], performance),
        precision_recall_plot(rows, tables[PRECISION_RECALL], performance),
        calibration_plot(rows, tables[CALIBRATION], parameters.confidence),
        confusion_plot(rows),
    ]
    for attribute, assessed in fairness.items():
        plots += [rates_plot(attribute, assessed, overall), scores_plot(attribute, rows, list(assessed["groups"]))]
    plots += _explanation_plots(explanation, features, parameters.explanations.top_features)
    return Drawings(tuple(plots), tables)


def _explanation_plots(explanation: Explanation, features: pd.DataFrame, top: int) -> list[Plot]:
    found = explanation.contributions
    importance = {column: measured.to_dict() for column, measured in explanation.importance.items()}
    shown = list(importance)[:top]
    positions = [found.columns.index(column) for column in shown]
    values = features.iloc[explanation.positions]
    rows = found.values[:, positions] if found.is_defined else found.values[:0]
    return [
        importance_plot(importance, found.output, top),
        beeswarm_plot(shown, rows, values, found.output, found.undefined),
    ]


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)
