"""All pictures and tables of one record, drawn from it alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.comparison_lines import main_lines
from apps.ml.evaluation.plots.calibration import calibration_plot
from apps.ml.evaluation.plots.comparisons import comparisons_plot
from apps.ml.evaluation.plots.confusion import confusion_plot
from apps.ml.evaluation.plots.contributions import beeswarm_plot, importance_plot
from apps.ml.evaluation.plots.curves import precision_recall_plot, roc_plot
from apps.ml.evaluation.plots.effects import effects_plot
from apps.ml.evaluation.plots.group_contributions import gap_shares_plot, importance_by_group_plot
from apps.ml.evaluation.plots.group_curves import group_calibration_plot, threshold_plot
from apps.ml.evaluation.plots.groups import rates_plot, scores_plot
from apps.ml.evaluation.plots.mitigation import mitigation_plot
from apps.ml.evaluation.plots.number_groups import group_errors_plot, group_predictions_plot
from apps.ml.evaluation.plots.numbers import errors_plot, predicted_and_observed_plot
from apps.ml.evaluation.plots.permutation import number_panels, permutation_plot
from apps.ml.evaluation.plots.style import Plot
from apps.ml.evaluation.plots.tables import number_tables_of, tables_of, to_csv
from apps.ml.evaluation.record.layout import task_of
from apps.ml.files import write_text, write_with


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


def draw_all(record: Mapping[str, Any]) -> Drawings:
    """Draw everything that the record holds: a record of decisions alone has no curves of scores."""
    mitigated = [mitigation_plot(record["mitigation"])] if record.get("mitigation") else []
    if task_of(record) == REGRESSION:
        plots = (*_number_plots(record), *mitigated, *_number_explanation_plots(record))
        return Drawings(plots, number_tables_of(record))
    plots = (*_performance_plots(record), *_fairness_plots(record), *mitigated, *_explanation_plots(record))
    return Drawings(plots, tables_of(record) if record["curves"].get("confusion") is not None else {})


def _number_plots(record: Mapping[str, Any]) -> Iterator[Plot]:
    yield predicted_and_observed_plot(record)
    yield errors_plot(record)
    for attribute in record["fairness"]:
        yield group_errors_plot(attribute, record)
        yield group_predictions_plot(attribute, record)


def _number_explanation_plots(record: Mapping[str, Any]) -> Iterator[Plot]:
    unit, explained = record["decision"]["unit"] or "unit of the label", record["explainability"]
    behaviour, output = explained["behaviour"], unit if explained["output"] == "value" else explained["output"]
    yield importance_plot(explained["importance"], output, _top(record))
    yield beeswarm_plot({**explained, "output": output})
    yield permutation_plot(behaviour["permutation"], _top(record), number_panels(unit))
    yield effects_plot(behaviour["effects"], unit)
    for attribute in record["fairness"]:
        yield importance_by_group_plot(attribute, {**behaviour["importance_by_group"], "output": output})
        yield gap_shares_plot(attribute, {**behaviour["gap_shares"], "output": output})


def _performance_plots(record: Mapping[str, Any]) -> Iterator[Plot]:
    curves = record["curves"]
    if curves["confusion"] is None:
        return
    if curves["scores"] is not None:
        yield roc_plot(record)
        yield precision_recall_plot(record)
        yield calibration_plot(record)
    yield confusion_plot(record)


def _fairness_plots(record: Mapping[str, Any]) -> Iterator[Plot]:
    scored = record["curves"]["scores"] is not None
    for attribute, assessed in record["fairness"].items():
        yield comparisons_plot(attribute, main_lines(assessed))
        yield rates_plot(attribute, assessed, record["counts"][attribute])
        if scored:
            yield scores_plot(attribute, record)
        if scored and record["curves"]["confusion"] is not None:
            yield group_calibration_plot(attribute, record)
            yield threshold_plot(attribute, record)


def _explanation_plots(record: Mapping[str, Any]) -> Iterator[Plot]:
    explained = record["explainability"]
    if not explained:
        return
    behaviour = explained["behaviour"]
    yield importance_plot(explained["importance"], explained["output"], _top(record))
    yield beeswarm_plot(explained)
    yield permutation_plot(behaviour["permutation"], _top(record))
    yield effects_plot(behaviour["effects"])
    for attribute in record["fairness"]:
        yield importance_by_group_plot(attribute, behaviour["importance_by_group"])
        yield gap_shares_plot(attribute, behaviour["gap_shares"])


def _top(record: Mapping[str, Any]) -> int:
    return int(record["parameters"]["explanations"]["top_features"])


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)
