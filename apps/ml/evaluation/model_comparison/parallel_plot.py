"""Parallel coordinates: one line per run over the parameters that differ and the chosen metrics."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.model_comparison.looks import (
    Look,
    looks,
    metric_words,
    unit_of,
    values_of,
    written,
)
from apps.ml.evaluation.plots.style import FAINT, INK, MUTED, WIDE, Plot, draw, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PARAMETERS = 7
MOST_TICKS = 5
SPREAD = 0.035
"""Share of an axis by which lines are set apart at parameters, where many runs have the same value."""

LOGARITHMIC_FROM = 30.0
"""Ratio of the largest to the smallest value from which an axis of positive numbers is logarithmic."""

NOT_SET = "not set"
HEIGHT = 4.6
Place = tuple[float, float, float] | None


@dataclass(frozen=True)
class Coordinate:
    """One axis: its heading, where each run stands on it (value, lower, upper in [0, 1]), and its ticks."""

    heading: str
    places: tuple[Place, ...]
    ticks: tuple[tuple[float, str], ...]
    is_metric: bool


def parallel_plot(content: Mapping[str, Any], metrics: Sequence[tuple[str, bool]]) -> Plot:
    """Draw every run as a line over the parameters that differ and over metrics; up is better on each metric.

    Parameters
    ----------
    content : mapping
        Content of comparison.json.
    metrics : sequence of (name of a metric, whether more is better)
        In display order; one that no run has is left out.
    """
    runs = content["runs"]
    differing = telling_parameters(content["differing_parameters"], MOST_PARAMETERS)
    coordinates = [parameter_coordinate(name, values) for name, values in differing.items()]
    coordinates += [metric_coordinate(runs, path, higher) for path, higher in metrics if any(values_of(runs, path))]
    chosen = looks(len(runs), content["baseline"])

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlim=(-0.35, max(len(coordinates) - 0.45, 0.6)), ylim=(-0.06, 1.06))
        axes.grid(visible=False)
        axes.set_yticks([])
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        for at, coordinate in enumerate(coordinates):
            _draw_coordinate(axes, at, coordinate)
        for run, look in enumerate(chosen):
            _draw_run(axes, coordinates, run, look, len(runs), run == content["baseline"])
        axes.set_xticks(range(len(coordinates)), [coordinate.heading for coordinate in coordinates])
        axes.tick_params(axis="x", length=0, labelsize=8.5)
        figure.legend(handles=_legend(content, chosen), loc="outside lower center", ncols=min(3, len(runs)))

    left = len(content["differing_parameters"]) - len(differing)
    title = "Parameters that differ, and what came of them" + (f" ({left} more in the table)" if left else "")
    described = "; ".join(_spoken(run, metrics) for run in runs)
    return draw("parallel", title, f"One line per run; up is better on each metric. {described}.", HEIGHT, paint, WIDE)


def telling_parameters(differing: Mapping[str, Sequence[str | None]], most: int) -> dict[str, Sequence[str | None]]:
    """Return at most `most` parameters: those with several values first, then those that some run only lacks.

    Options of an estimator are lacking wherever another estimator is used, which the estimator's own axis says.
    """
    several = {name: len(set(values) - {None}) > 1 for name, values in differing.items()}
    ordered = sorted(differing, key=lambda name: not several[name])
    kept = [name for name in ordered if several[name]] or ordered
    return {name: differing[name] for name in kept[:most]}


def parameter_coordinate(name: str, values: Sequence[str | None]) -> Coordinate:
    """Place runs by one parameter: numbers to scale, everything else, and numbers some run lacks, at equal steps."""
    heading = wrapped(spoken(name.split(".", 1)[-1].removeprefix("estimators.")).replace(".", " "), 15, 4)
    numbers = [_number(value) for value in values]
    if all(number is not None for number in numbers):
        known = [number for number in numbers if number is not None]
        scale = _scale(known)
        places: tuple[Place, ...] = tuple((scale(each),) * 3 for each in known)
        ticks = tuple((scale(each), f"{each:g}") for each in _thinned(sorted(set(known))))
        return Coordinate(heading, places, ticks, is_metric=False)
    shown = [NOT_SET if value is None else value for value in values]
    order = sorted(set(shown), key=lambda text: (text != NOT_SET, _number(text) or 0.0, text))
    steps = {text: at / max(1, len(order) - 1) for at, text in enumerate(order)}
    return Coordinate(
        heading,
        tuple((steps[text],) * 3 for text in shown),
        tuple((steps[text], wrapped(spoken(text), 16, 2)) for text in order),
        is_metric=False,
    )


def metric_coordinate(runs: Sequence[Mapping[str, Any]], path: str, higher_is_better: bool) -> Coordinate:
    """Place runs by one metric with its interval; the axis is turned where less is better, so that up is better."""
    found = values_of(runs, path)
    bounds = [None if one is None else tuple(one.get(key, one["value"]) for key in ("value", "lower", "upper"))
              for one in found]  # fmt: skip
    known = [value for three in bounds if three is not None for value in three]
    low, high = min(known), max(known)

    def place(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return share if higher_is_better else 1 - share

    places = tuple(None if three is None else (place(three[0]), place(three[1]), place(three[2])) for three in bounds)
    marks = [low, (low + high) / 2, high] if high > low else [low]
    heading = wrapped(metric_words(path), 15, 4) + (f"\n[{unit_of(path)}]" if unit_of(path) else "")
    return Coordinate(heading, places, tuple((place(mark), written(path, mark)) for mark in marks), is_metric=True)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    low, high = min(values), max(values)
    if high == low:
        return lambda _: 0.5
    if low > 0 and high / low >= LOGARITHMIC_FROM:
        return lambda value: math.log(value / low) / math.log(high / low)
    return lambda value: (value - low) / (high - low)


def _thinned(values: Sequence[float]) -> list[float]:
    if len(values) <= MOST_TICKS:
        return list(values)
    return [values[round(at * (len(values) - 1) / (MOST_TICKS - 1))] for at in range(MOST_TICKS)]


def _draw_coordinate(axes: "Axes", at: int, coordinate: Coordinate) -> None:
    axes.axvline(at, 0.054, 0.946, color=INK if coordinate.is_metric else MUTED, linewidth=1.1, zorder=1)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
    for height, text in coordinate.ticks:
        axes.plot([at - 0.02, at], [height, height], color=MUTED, linewidth=1.0, zorder=1)
        axes.text(at - 0.035, height, text, ha="right", va="center", fontsize=7.5, color=MUTED, bbox=behind, zorder=3)


def _draw_run(
    axes: "Axes", coordinates: Sequence[Coordinate], run: int, look: Look, runs: int, is_baseline: bool
) -> None:
    apart = SPREAD * (run - (runs - 1) / 2) / max(1, runs - 1)
    heights = []
    for at, coordinate in enumerate(coordinates):
        place = coordinate.places[run]
        if place is None:
            heights.append(math.nan)
            continue
        heights.append(place[0] + (0.0 if coordinate.is_metric else apart))
        if coordinate.is_metric and place[1] != place[2]:
            beside = at + 0.05 + 0.03 * run
            axes.plot([beside, beside], place[1:], color=look.colour, linewidth=1.6, alpha=0.75, zorder=2)
    axes.plot(range(len(coordinates)), heights, color=look.colour, linestyle=look.dashes, marker=look.marker,
              markersize=5.5, markeredgecolor="white", markeredgewidth=0.6,
              linewidth=2.2 if is_baseline else 1.5, zorder=4, clip_on=False)  # fmt: skip


def _legend(content: Mapping[str, Any], chosen: Sequence[Look]) -> list[Any]:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=look.colour, linestyle=look.dashes, marker=look.marker, markersize=5.5,
               label=wrapped(run["label"], 34, 1) + (" (baseline)" if at == content["baseline"] else ""))
        for at, (run, look) in enumerate(zip(content["runs"], chosen, strict=True))
    ]  # fmt: skip
    return [*lines, Line2D([], [], color=FAINT, linewidth=3, label="beside dark axes (metrics): intervals")]


def _spoken(run: Mapping[str, Any], metrics: Sequence[tuple[str, bool]]) -> str:
    parts = [
        f"{metric_words(path)} {written(path, found['value'])}"
        for path, _ in metrics
        if (found := values_of([run], path)[0]) is not None
    ]
    return f"{run['label']}: {', '.join(parts) or 'nothing measured'}"
