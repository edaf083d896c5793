"""The page of a comparison: one self-contained file, rendered from comparison.json and its pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.templating import document_environment
from apps.ml.evaluation.model_comparison.forest_plot import forest_plot
from apps.ml.evaluation.model_comparison.front_plot import front_plot
from apps.ml.evaluation.model_comparison.looks import COSTS, metric_words, unit_of, written
from apps.ml.evaluation.model_comparison.parallel_plot import parallel_plot
from apps.ml.evaluation.plots.style import Plot
from apps.ml.evaluation.report import shown_picture

TEMPLATES = Path(__file__).parent / "templates"
MEASURED = ("performance.roc_auc", "performance.balanced_accuracy", "performance.calibration_error")
COST_DRAWN = ("cost.fit_seconds", "cost.bundle_bytes", "cost.score_1000_rows_seconds")
OF_NUMBERS = ("_error", "r_squared")
"""How the performance of predicted numbers ends."""

SHOWN_GAPS = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "predictive_equality_difference",
    "predictive_parity_difference",
    "accuracy_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "mean_prediction_difference",
    "mean_error_difference",
    "mean_absolute_error_difference",
    "largest_group_loss",
)
"""Of an attribute: what the page shows; comparison.json holds everything."""


def draw_comparison(content: Mapping[str, Any]) -> tuple[Plot, ...]:
    """Draw the pictures of a comparison: parallel coordinates, front, differences.

    Parameters
    ----------
    content : mapping
        Content of comparison.json, with at least one run.
    """
    front = content["front"]
    metrics = {path: path != "performance.calibration_error" for path in MEASURED}
    if front is not None:
        metrics[front["performance"]] = front["performance_better"] == "higher"
        metrics[front["unfairness"]] = front["unfairness_better"] == "higher"
    metrics |= dict.fromkeys(COST_DRAWN, False)
    return parallel_plot(content, list(metrics.items())), front_plot(front), forest_plot(content)


def render_comparison(content: Mapping[str, Any], plots: Sequence[Plot]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    content : mapping
        Content of comparison.json.
    plots : sequence of Plot
        Those of :func:`draw_comparison`; one that is missing is left out.
    """
    from jinja2 import ChoiceLoader, FileSystemLoader

    environment = document_environment(autoescape=True)
    environment.loader = ChoiceLoader(
        [loader for loader in (FileSystemLoader(TEMPLATES), environment.loader) if loader]
    )
    return environment.get_template("comparison.html.j2").render(
        content=content,
        sections=metric_sections(content["runs"]),
        pictures={plot.name: shown_picture(plot) for plot in plots},
        family=sum(each["value"] is not None for entry in content["paired"] for each in entry["differences"].values()),
        metric_words=metric_words,
        unit_of=unit_of,
        written=written,
        words=words,
    )


def metric_sections(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return heading → the metrics below it that any run has, in display order."""
    names = list(dict.fromkeys(name for run in runs for name in run["metrics"]))
    performance = [f"performance.{name}" for name in words.PERFORMANCE]
    others = [
        name
        for name in names
        if name.startswith("performance.") and name.endswith(OF_NUMBERS) and name not in performance
    ]
    sections = {"Performance and calibration": performance + others}
    for name in names:
        section, _, rest = name.partition(".")
        attribute, _, measure = rest.rpartition(".")
        if section == "fairness" and "." not in attribute and measure in SHOWN_GAPS:
            sections.setdefault(f"Fairness: {words.spoken(attribute)}", []).append(name)
    sections["Cost"] = list(COSTS)
    return {heading: [name for name in mine if name in names] for heading, mine in sections.items()}
