"""What a mitigation came to: its gap on the rows it was chosen on and on test rows, against its tolerance."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.documents.words import figure as figured
from apps.ml.evaluation.documents.words import spoken
from apps.ml.evaluation.plots.style import BLUE, ORANGE, SKY, Plot, dots, draw, intervals, notes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {"validation": "validation rows,\nchosen on these", "test": "test rows,\nseen once"}


def mitigation_plot(mitigation: Mapping[str, Any]) -> Plot:
    """Draw one line per split: the gap as a dot with its interval; a dashed line is the tolerance.

    Parameters
    ----------
    mitigation : mapping
        The part `mitigation` of the evidence record.
    """
    measured = mitigation["measured"]
    unit = spoken(measured["test"]["measure"])

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot(xlabel=f"{unit} of {spoken(mitigation['attribute'])}")
        axes.axvline(mitigation["tolerance"], color=ORANGE, linestyle="--", linewidth=1.3)
        for at, part in enumerate(measured.values()):
            _line(axes, at, part)
        axes.set_yticks(range(len(measured)), [NAMES[name] for name in measured])
        axes.set_ylim(len(measured) - 0.4, -0.6)
        axes.set_xlim(0.0, 1.05 * max(_ends(mitigation)))
        axes.tick_params(axis="y", length=0)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)

    told = "; ".join(f"{name} {_spoken(part)}" for name, part in measured.items())
    title = f"{mitigation['title']}: gap against tolerance"
    description = f"{unit}: {told}; tolerance {figured(mitigation['tolerance'])}."
    return draw("mitigation", title, description, 1.7 + 0.5 * len(measured), paint)


def _line(axes: "Axes", at: int, part: Mapping[str, Any]) -> None:
    gap, colour = part["gap"], SKY if part["chosen_on"] else BLUE
    if gap["value"] is None:
        notes(axes, [at])
        return
    if gap.get("lower") is not None and gap.get("upper") is not None:
        intervals(axes, [(at, gap["lower"], gap["upper"])], color=colour, linewidth=2.6)
    dots(axes, [(gap["value"], at)], marker="o", color=colour, markeredgecolor="white", markersize=8)


def _ends(mitigation: Mapping[str, Any]) -> list[float]:
    gaps = [part["gap"] for part in mitigation["measured"].values()]
    found = [gap[key] for gap in gaps for key in ("value", "upper") if gap.get(key) is not None]
    return [float(mitigation["tolerance"]), *found]


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, marker="o", linewidth=2.6, label="estimate, its interval"),
        Line2D([], [], color=SKY, marker="o", linewidth=2.6, label="the same on rows it was chosen on"),
        Line2D([], [], color=ORANGE, linestyle="--", label="tolerance"),
    ]


def _spoken(part: Mapping[str, Any]) -> str:
    value = part["gap"]["value"]
    return f"{'undefined' if value is None else figured(value)} ({part['verdict']})"
