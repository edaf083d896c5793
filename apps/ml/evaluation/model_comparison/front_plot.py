"""A performance against an unfairness, each with its interval, and the models that no other one beats."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.model_comparison.looks import with_unit, written
from apps.ml.evaluation.plots.style import BLUE, INK, MUTED, ORANGE, Plot, draw, say_undefined, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STANDINGS: Mapping[str, Mapping[str, Any]] = {
    "optimal beyond noise": {"color": BLUE, "marker": "o", "markerfacecolor": BLUE},
    "optimal within noise": {"color": ORANGE, "marker": "D", "markerfacecolor": "white"},
    "beaten": {"color": MUTED, "marker": "X", "markerfacecolor": MUTED},
}
MEANINGS = {
    "optimal beyond noise": "shown to be better than each other run in one of the two",
    "optimal within noise": "no other run beats it on the estimates, which is not shown",
    "beaten": "on the estimates another run is at least as good in both",
}
HEIGHT = 5.2


def front_plot(front: Mapping[str, Any] | None) -> Plot:
    """Draw the front of a comparison.

    Parameters
    ----------
    front : mapping
        `front` of comparison.json; None where no run has both metrics.
    """
    points: Sequence[Mapping[str, Any]] = front["points"] if front else ()

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        if front is None or not points:
            say_undefined(axes, "no run has both a performance and an unfairness")
            return
        _draw_front_line(axes, front)
        for at, point in enumerate(points):
            _draw_point(axes, point, above=at % 2 == 0)
        axes.margins(0.12)
        axes.set_xlabel(_axis_name(front, "unfairness"))
        axes.set_ylabel(_axis_name(front, "performance"))
        figure.legend(handles=_legend(points), loc="outside lower center", ncols=1)

    described = "; ".join(_spoken(front or {}, point) for point in points) or "undefined"
    return draw("front", "Performance against unfairness", f"{described}.", HEIGHT, paint)


def _draw_front_line(axes: "Axes", front: Mapping[str, Any]) -> None:
    """Join the models that no other one beats, as steps that enclose what they beat."""
    best = [point for point in front["points"] if point["standing"] != "beaten"]
    ordered = sorted(best, key=lambda point: (point["unfairness"]["value"], point["performance"]["value"]))
    x, y = ([point[key]["value"] for point in ordered] for key in ("unfairness", "performance"))
    where: Any = "post" if front["unfairness_better"] == "lower" else "pre"
    axes.step(x, y, where=where, color=INK, linewidth=1.0, linestyle=":", zorder=1)


def _draw_point(axes: "Axes", point: Mapping[str, Any], above: bool) -> None:
    style = STANDINGS[point["standing"]]
    x, y = point["unfairness"], point["performance"]
    for bounds, line in ((x, axes.hlines), (y, axes.vlines)):
        if bounds.get("lower") is not None:
            at = y["value"] if bounds is x else x["value"]
            line(at, bounds["lower"], bounds["upper"], color=style["color"], linewidth=1.6, alpha=0.8, zorder=2)
    axes.plot(x["value"], y["value"], linestyle="", markersize=8, markeredgewidth=1.6, zorder=5, **style)
    axes.annotate(
        wrapped(point["name"], 36, 2),
        (x["value"], y["value"]),
        xytext=(7, 6 if above else -6),
        textcoords="offset points",
        va="bottom" if above else "top",
        fontsize=8.5,
        zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.75},
    )


def _axis_name(front: Mapping[str, Any], which: str) -> str:
    arrow = {
        ("performance", "higher"): "(up is better)",
        ("performance", "lower"): "(down is better)",
        ("unfairness", "higher"): "(right is better)",
        ("unfairness", "lower"): "(left is better)",
    }[which, front[f"{which}_better"]]
    return f"{wrapped(with_unit(front[which]), 60, 1)} {arrow}"


def _legend(points: Sequence[Mapping[str, Any]]) -> list[Any]:
    from matplotlib.lines import Line2D

    present = {point["standing"] for point in points}
    lines = [
        Line2D([], [], linestyle="", markersize=8, markeredgewidth=1.6, label=f"{name}: {MEANINGS[name]}", **style)
        for name, style in STANDINGS.items()
        if name in present
    ]
    return [*lines, Line2D([], [], color=MUTED, linewidth=1.6, label="bars: interval of each metric by itself")]


def _spoken(front: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{with_unit(front[key])} {written(front[key], point[key]['value'])}" for key in ("performance", "unfairness")
    )
    return f"{point['name']} is {point['standing']}: {values}"
