"""Pictures of a study: what was found when and at what price, what mattered, how trials grew, what was traded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.ml.evaluation.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    WIDE,
    Plot,
    dots,
    draw,
    intervals,
    say_undefined,
    wrapped,
)
from apps.ml.experiments.tuning.outcome import Outcome
from apps.ml.experiments.tuning.records import TrialRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORST_SHOWN = 0.95
"""Share of losses that the axes hold; the rest is drawn at the upper edge."""

LOOKS: dict[str, dict[str, Any]] = {
    "complete": {"color": BLUE, "marker": "o", "markersize": 5},
    "pruned": {"color": ORANGE, "marker": "x", "markersize": 6, "markeredgewidth": 1.6},
    "failed": {"color": VERMILION, "marker": "|", "markersize": 9, "markeredgewidth": 2.0},
}
WORDS = {
    "complete": "trained to the end",
    "pruned": "given up on the way (its loss there)",
    "failed": "failed (no loss)",
}


def pictures(outcome: Outcome) -> tuple[Plot, ...]:
    """Draw everything that a study holds."""
    plots = [history_plot(outcome), learning_curves_plot(outcome), importance_plot(outcome)]
    return (*plots, front_plot(outcome)) if outcome.front else tuple(plots)


def history_plot(outcome: Outcome) -> Plot:
    """Draw the loss of every trial by its place and by the resource spent until then, with the best so far."""
    records = outcome.records
    spent = np.cumsum([record.share_spent for record in records])
    low, high = _limits([record.loss for record in records])

    def paint(figure: "Figure") -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, places in ((left, range(1, len(records) + 1)), (right, spent)):
            _trials(axes, records, [float(place) for place in places], high)
            _best_so_far(axes, records, [float(place) for place in places])
            axes.set_ylim(low, high + (high - low) * 0.04)
        left.set_ylabel(f"{outcome.problem.loss.title}, mean over {_folds(outcome)}")
        left.set_xlabel("trials so far")
        right.set_xlabel("resource spent so far (whole trials)")
        figure.legend(handles=_history_legend(records), loc="outside lower center", ncols=2)

    counts = ", ".join(f"{outcome.count(state)} {WORDS[state]}" for state in LOOKS if outcome.count(state))
    described = f"{len(records)} trials: {counts}. Lowest loss {outcome.best.loss:.4f} in trial {outcome.best.number}."
    return draw("history", "Loss by trial and by resource spent", described, 4.4, paint, WIDE)


def learning_curves_plot(outcome: Outcome) -> Plot:
    """Draw how the loss of every trial fell while it was given more of its resource."""
    shown = [record for record in outcome.records if record.looks and record.state != "failed"]
    names = sorted({record.estimator for record in shown}, key=list(outcome.problem.space.options).index)
    lines = -(-len(names) // 2) or 1

    def paint(figure: "Figure") -> None:
        if not shown:
            say_undefined(figure.add_subplot(), "no trial was measured")
            return
        panels = figure.subplots(lines, min(2, len(names)), squeeze=False).ravel()
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(panels, names, strict=False):
            _curves(axes, [record for record in shown if record.estimator == name], outcome)
            if len(names) > 1:
                axes.set_title(wrapped(name, 30, 1))
        panels[0].set_ylabel(outcome.problem.loss.title)
        figure.legend(handles=_curve_legend(outcome), loc="outside lower center", ncols=3)

    pruned = sum(record.state == "pruned" for record in shown)
    described = f"Loss by resource of {len(shown)} trials, {pruned} of them given up on the way."
    width = WIDE if len(names) > 1 else 7.2
    return draw("learning_curves", "Loss while trials grow", described, 1.2 + 3.2 * lines, paint, width)


def importance_plot(outcome: Outcome) -> Plot:
    """Draw the share of the loss's variance that each option explains by itself, with the spread over repetitions."""
    found = outcome.importance
    names = list(found.shares)

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        if not names:
            say_undefined(axes, found.undefined)
            axes.set_xticks([])
            axes.set_yticks([])
            return
        heights = list(range(len(names)))[::-1]
        values = [found.shares[name] for name in names]
        axes.barh(heights, [mean for mean, _, _ in values], height=0.55, color=BLUE)
        ends = [(float(height), low, high) for height, (_, low, high) in zip(heights, values, strict=True)]
        intervals(axes, ends, color=INK, linewidth=2.0, zorder=4)
        axes.set_yticks(heights, [wrapped(name) for name in names])
        axes.set_xlim(0, None)
        axes.set_xlabel("share of the variance of the loss explained by the option alone (fANOVA)")
        axes.grid(visible=False, axis="y")
        figure.legend(handles=_importance_legend(), loc="outside lower center", ncols=2)

    described = "; ".join(f"{name} {found.shares[name][0]:.2f}" for name in names) or f"undefined: {found.undefined}"
    title = f"Importance of the options of {found.estimator} ({found.trials} trials)"
    return draw("importance", title, f"{described}.", 1.6 + 0.42 * max(len(names), 3), paint)


def front_plot(outcome: Outcome) -> Plot:
    """Draw loss against unfairness of every completed trial, the front and the picked trial."""
    placed = outcome.front

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        best = [one for one in placed if one.standing == "front"]
        axes.step(
            [one.unfairness for one in best], [one.loss for one in best], where="post", color=INK, linewidth=1.0,
            linestyle=":", zorder=1,
        )  # fmt: skip
        for one in placed:
            _placed(axes, one)
        if outcome.picked.record is not None:
            _mark_picked(axes, outcome)
        axes.margins(0.08)
        axes.set_xlabel(f"{_unfairness(outcome)} (left is fairer)")
        axes.set_ylabel(f"{outcome.problem.loss.title} (down is better)")
        axes.set_xlim(left=0.0 if min(one.unfairness for one in placed) >= 0 else None)
        figure.legend(handles=_front_legend(), loc="outside lower left", ncols=1)

    best_count = sum(one.standing == "front" for one in placed)
    chosen = outcome.picked.record
    picked = "none is picked" if chosen is None else f"trial {chosen.number} is picked by {outcome.picked.reason}"
    described = f"{best_count} of {len(placed)} trials are on the front; {picked}."
    return draw("front", "Loss against unfairness", described, 6.0, paint)


STANDINGS: dict[str, dict[str, Any]] = {
    "front": {"color": BLUE, "marker": "o", "markersize": 7},
    "beaten within noise": {"color": ORANGE, "marker": "D", "markersize": 6, "markerfacecolor": "white"},
    "beaten": {"color": MUTED, "marker": "X", "markersize": 6},
}


def _placed(axes: "Axes", one: Any) -> None:
    style = STANDINGS[one.standing]
    errors = one.record.unfairness_error, one.record.loss_error
    if one.standing != "beaten":
        if errors[0] is not None:
            axes.hlines(
                one.loss,
                max(0.0, one.unfairness - errors[0]),
                one.unfairness + errors[0],
                color=style["color"],
                alpha=0.6,
            )
        if errors[1] is not None:
            axes.vlines(one.unfairness, one.loss - errors[1], one.loss + errors[1], color=style["color"], alpha=0.6)
    axes.plot(one.unfairness, one.loss, linestyle="", zorder=5, **style)


def _mark_picked(axes: "Axes", outcome: Outcome) -> None:
    record = outcome.picked.record
    if record is None or record.unfairness is None or record.loss is None:
        return
    axes.plot(
        record.unfairness, record.loss, linestyle="", marker="o", markersize=14, markerfacecolor="none",
        markeredgecolor=GREEN, markeredgewidth=2.2, zorder=6,
    )  # fmt: skip
    axes.annotate(
        f"trial {record.number}", (record.unfairness, record.loss), xytext=(10, 9), textcoords="offset points",
        fontsize=9, zorder=7,
    )  # fmt: skip


def _unfairness(outcome: Outcome) -> str:
    return "" if outcome.problem.unfairness is None else outcome.problem.unfairness.title


def _folds(outcome: Outcome) -> str:
    count = len(outcome.problem.folds)
    return f"{count} folds" if count > 1 else "one fold"


def _limits(losses: Sequence[float | None]) -> tuple[float, float]:
    known = np.array([loss for loss in losses if loss is not None])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(np.quantile(known, WORST_SHOWN, method="higher"))
    spread = (high - low) or abs(high) or 1.0
    return low - 0.06 * spread, high + 0.06 * spread


def _trials(axes: "Axes", records: Sequence[TrialRecord], places: Sequence[float], high: float) -> None:
    for state, style in LOOKS.items():
        points = [
            (place, high if record.loss is None else min(record.loss, high))
            for record, place in zip(records, places, strict=True)
            if record.state == state
        ]
        dots(axes, points, **style)


def _best_so_far(axes: "Axes", records: Sequence[TrialRecord], places: Sequence[float]) -> None:
    best, heights, x = float("inf"), [], []
    for record, place in zip(records, places, strict=True):
        if record.state == "complete" and record.loss is not None:
            best = min(best, record.loss)
        if best < float("inf"):
            heights.append(best)
            x.append(place)
    axes.step(x, heights, where="post", color=GREEN, linewidth=2.0, zorder=3)


def _curves(axes: "Axes", records: Sequence[TrialRecord], outcome: Outcome) -> None:
    winner = outcome.picked.record or outcome.best
    low, high = _limits([loss for record in records for _, loss in record.looks])
    for record in records:
        if record.number == winner.number:
            continue
        units, losses = zip(*record.looks, strict=True)
        kept = [min(loss, high) for loss in losses]
        pruned = record.state == "pruned"
        axes.plot(units, kept, color=ORANGE if pruned else BLUE, linewidth=1.1, alpha=0.55 if pruned else 0.7, zorder=2)
        if pruned:
            dots(axes, [(float(units[-1]), kept[-1])], **LOOKS["pruned"])
    if any(record.number == winner.number for record in records):
        units, losses = zip(*winner.looks, strict=True)
        axes.plot(units, [min(loss, high) for loss in losses], color=GREEN, linewidth=2.6, marker="o", zorder=6,
                  markersize=7 if len(units) == 1 else 0)  # fmt: skip
    for rung in outcome.problem.ladder(records[0].estimator).rungs[:-1]:
        axes.axvline(rung, color=FAINT, linewidth=1.4, linestyle="--", zorder=1)
    axes.set_xscale("log")
    axes.set_ylim(low, high)
    axes.set_xlabel(f"{records[0].resource} in each fold")
    _plain_ticks(axes, [units for record in records for units, _ in record.looks])


def _plain_ticks(axes: "Axes", units: Sequence[int]) -> None:
    """Write a few whole numbers along a logarithmic axis."""
    from matplotlib.ticker import NullFormatter, NullLocator

    ends = (min(units), max(units))
    steps = np.geomspace(*ends, 5) if ends[0] < ends[1] else [float(ends[0])]
    ticks = sorted({int(float(f"{value:.2g}")) for value in steps[:-1]} | {int(steps[-1])})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _history_legend(records: Sequence[TrialRecord]) -> list[Any]:
    from matplotlib.lines import Line2D

    present = {record.state for record in records}
    handles = [
        Line2D([], [], linestyle="", label=WORDS[state], **style) for state, style in LOOKS.items() if state in present
    ]
    return [*handles, Line2D([], [], color=GREEN, linewidth=2.0, label="lowest so far, of those trained to the end")]


def _curve_legend(outcome: Outcome) -> list[Any]:
    from matplotlib.lines import Line2D

    winner = outcome.picked.record or outcome.best
    lines = [
        Line2D([], [], color=GREEN, linewidth=2.6, label=f"trial {winner.number}, the winner"),
        Line2D([], [], color=BLUE, linewidth=1.1, label=WORDS["complete"]),
    ]
    if outcome.count("pruned"):
        style = LOOKS["pruned"]
        lines.append(Line2D([], [], linewidth=1.1, label="given up on the way", **style))
    if outcome.problem.prunes:
        lines.append(Line2D([], [], color=FAINT, linewidth=1.4, linestyle="--", label="rung: compared here"))
    return lines


def _importance_legend() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(color=BLUE, label="mean of 10 repetitions, each over other four fifths of the trials"),
        Line2D([], [], color=INK, linewidth=2.0, label="lowest to highest"),
    ]


def _front_legend() -> list[Any]:
    from matplotlib.lines import Line2D

    from apps.ml.experiments.tuning.front import MEANINGS

    lines = [
        Line2D([], [], linestyle="", label=f"{name}: {MEANINGS[name]}", **style) for name, style in STANDINGS.items()
    ]
    ring = Line2D([], [], linestyle="", marker="o", markersize=11, markerfacecolor="none", markeredgecolor=GREEN,
                  markeredgewidth=2.0, label="picked")  # fmt: skip
    bars = Line2D([], [], color=BLUE, alpha=0.6, label="bars: one standard error over folds")
    return [*lines, ring, bars]
