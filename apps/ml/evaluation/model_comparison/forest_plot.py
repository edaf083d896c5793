"""Every paired difference from the baseline with its interval, alone and among all, right of 0 where it is better."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.model_comparison.looks import Look, looks, metric_words
from apps.ml.evaluation.plots.style import (
    FAINT,
    INK,
    MUTED,
    WIDE,
    Plot,
    dots,
    draw,
    intervals,
    notes,
    say_undefined,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_RUNS = 6
SHOWN = ("better", "worse")
COLUMNS = 2


def forest_plot(content: Mapping[str, Any]) -> Plot:
    """Draw the differences of up to six runs from the baseline, one panel for performance and one per attribute.

    Parameters
    ----------
    content : mapping
        Content of comparison.json. Differences of metrics of which less is better are drawn with the sign turned.
    """
    entries = [entry for entry in content["paired"] if entry["differences"]][:MOST_RUNS]
    chosen = looks(len(content["runs"]), content["baseline"] or 0)
    panels = panels_of([path for entry in entries for path in entry["differences"]])

    def paint(figure: "Figure") -> None:
        if not panels:
            axes = figure.add_subplot(xlabel="difference from the baseline")
            say_undefined(axes, "no pair of runs can be compared row by row")
            return
        rows = math.ceil(len(panels) / COLUMNS)
        grid = figure.subplots(rows, min(COLUMNS, len(panels)), squeeze=False).ravel()
        for axes, (heading, mine) in zip(grid, panels.items(), strict=False):
            _panel(axes, mine, entries, [chosen[entry["place"]] for entry in entries])
            axes.set_title(heading, fontsize=9.5)
            axes.set_xlabel("difference, signed so that right is better", fontsize=8.5)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        figure.legend(handles=_legend(content, entries, chosen), loc="outside lower center", ncols=3)

    baseline = content["runs"][content["baseline"]]["label"] if content["runs"] else ""
    left = len(content["paired"]) - len(entries)
    title = f"Paired differences from {wrapped(baseline, 40, 1)}" + (f" ({left} runs not drawn)" if left else "")
    described = "; ".join(_spoken(content["runs"][entry["place"]]["label"], entry) for entry in entries) or "undefined"
    return draw("differences", title, f"{described}.", _height(panels, len(entries)), paint, WIDE)


def panels_of(paths: Sequence[str]) -> dict[str, list[str]]:
    """Return heading → its metrics: performance first, then each attribute."""
    panels: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        section, _, rest = path.partition(".")
        heading = section if section == "performance" else f"gaps between groups: {spoken(rest.rpartition('.')[0])}"
        panels.setdefault(heading, []).append(path)
    return panels


def _height(panels: Mapping[str, Sequence[str]], runs: int) -> float:
    """Inches: one line per run and metric."""
    of_panels = [0.95 + len(mine) * max(0.36, 0.14 + 0.13 * runs) for mine in panels.values()] or [2.0]
    return 1.5 + sum(max(of_panels[at : at + COLUMNS]) for at in range(0, len(of_panels), COLUMNS))


def _panel(axes: "Axes", paths: Sequence[str], entries: Sequence[Mapping[str, Any]], chosen: Sequence[Look]) -> None:
    axes.axvline(0.0, color=INK, linewidth=1.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for at in range(1, len(paths)):
        axes.axhline(at - 0.5, color=FAINT, linewidth=0.7, zorder=0)
    for which, (entry, look) in enumerate(zip(entries, chosen, strict=True)):
        apart = 0.66 * ((which + 0.5) / len(entries) - 0.5)
        found = [(at + apart, entry["differences"].get(path)) for at, path in enumerate(paths)]
        _draw_differences(axes, [(height, each) for height, each in found if each is not None], look)
    axes.set_yticks(
        range(len(paths)), [wrapped(metric_words(path).split(",")[0], 22, 2) for path in paths], fontsize=8.5
    )
    axes.set_ylim(len(paths) - 0.5, -0.5)
    axes.margins(x=0.06)


def _draw_differences(axes: "Axes", found: Sequence[tuple[float, Mapping[str, Any]]], look: Look) -> None:
    notes(axes, [height for height, each in found if each["value"] is None])
    known = [(height, each, _sign(each)) for height, each in found if each["value"] is not None]
    for ends, width in ((("simultaneous_lower", "simultaneous_upper"), 0.9), (("lower", "upper"), 2.6)):
        bounded = [(height, *sorted(sign * each[end] for end in ends)) for height, each, sign in known]
        intervals(axes, [(height, low, high) for height, low, high in bounded], color=look.colour, linewidth=width)
    for shown, face in ((True, look.colour), (False, "white")):
        points = [(sign * each["value"], height) for height, each, sign in known if (each["verdict"] in SHOWN) == shown]
        dots(axes, points, marker=look.marker, color=look.colour, markerfacecolor=face, markersize=5.5)


def _sign(difference: Mapping[str, Any]) -> float:
    return 1.0 if difference["better"] == "higher" else -1.0


def _legend(content: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], chosen: Sequence[Look]) -> list[Any]:
    from matplotlib.lines import Line2D

    runs = [(content["runs"][entry["place"]]["label"], chosen[entry["place"]]) for entry in entries]
    hollow: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "linestyle": ""}
    named = [
        Line2D([], [], color=look.colour, marker=look.marker, linewidth=2.6, markersize=5.5, label=wrapped(name, 34, 1))
        for name, look in runs
    ]
    return [
        *named,
        Line2D([], [], color=MUTED, marker="o", linestyle="", label="filled: better or worse"),
        Line2D([], [], color=MUTED, label="hollow: no difference shown", **hollow),
        Line2D([], [], color=MUTED, linewidth=2.6, label="thick: interval of this difference"),
        Line2D([], [], color=MUTED, linewidth=0.9, label="thin: interval among all differences"),
    ]


def _spoken(name: str, entry: Mapping[str, Any]) -> str:
    shown = [
        f"{metric_words(path)} {found['verdict']}"
        for path, found in entry["differences"].items()
        if found["verdict"] in SHOWN
    ]
    return f"{name}: {', '.join(shown) or 'no difference shown'}"
