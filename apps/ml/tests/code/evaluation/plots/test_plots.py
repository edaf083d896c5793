import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.documents.comparison_lines import ComparisonLine
from apps.ml.evaluation.plots.calibration import calibration_plot
from apps.ml.evaluation.plots.comparisons import comparisons_plot
from apps.ml.evaluation.plots.contributions import beeswarm_plot, importance_plot
from apps.ml.evaluation.plots.curves import precision_recall_plot, roc_plot
from apps.ml.evaluation.plots.drawing import Drawings, draw_all
from apps.ml.evaluation.plots.group_curves import LOOKS, group_calibration_plot, threshold_plot
from apps.ml.evaluation.plots.groups import MOST_RATES, overall_rates, rates_plot, scores_plot
from apps.ml.evaluation.plots.style import COLOURS, DPI, Plot, largest, left_out, wrapped
from apps.ml.evaluation.plots.style import _with_palette as with_palette
from apps.ml.tests import small_evaluation

ALWAYS = ("roc", "precision_recall", "calibration", "confusion")
OF_ATTRIBUTES = ("comparisons", "rates", "scores", "calibration", "thresholds", "importance_by_group", "gap_shares")
OF_THE_MODEL = ("shap_importance", "shap_beeswarm", "permutation", "effects")


@pytest.fixture(scope="module")
def drawings() -> Drawings:
    return small_evaluation.drawings()


def chunks(png: bytes) -> list[str]:
    names, position = [], 8
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        names.append(png[position + 4 : position + 8].decode())
        position += 12 + length
    return names


def size(plot: Plot) -> tuple[int, int]:
    width, height = struct.unpack(">II", plot.png[16:24])
    return width, height


def measured(value: float | None) -> dict[str, Any]:
    if value is None:
        return {"value": None, "n": 0, "undefined": "nobody is there"}
    return {"value": value, "n": 50, "lower": value / 2, "upper": min(1.0, value + 0.1)}


def group(value: float | None = 0.5, n: int = 50, judged: bool = True) -> dict[str, Any]:
    rates = ("selection_rate", "true_positive_rate", "false_positive_rate", "positive_predictive_value")
    return {"n": n, "judged": judged} | {rate: measured(value) for rate in rates}


def counts(block: list[list[int]], **more: Any) -> dict[str, Any]:
    return {"groups": ["a"], "labelled": True, "counts": [block], **more}


def record_of_groups(names: list[str]) -> dict[str, Any]:
    """A record in which each group has the same curves."""
    thresholds = [
        {"threshold": t, "selection_rate": 1 - t, "true_positive_rate": 1 - t * t, "false_positive_rate": None}
        for t in (0.0, 0.5, 1.0)
    ]
    bins = [{"mean_score": s, "share": s, "lower": s - 0.1, "upper": s + 0.1, "n": 9} for s in (0.2, 0.8)]
    scores = {"counts": [1, 2, 3, 0], "median": 0.6}
    curves = {name: {"scores": scores, "calibration": bins, "thresholds": thresholds} for name in names}
    return {
        "decision": {"positive_name": "yes", "negative_name": "no", "threshold": 0.5},
        "fairness": {"of": {"groups": {name: group(n=100 - at) for at, name in enumerate(names)}}},
        "curves": {"by_group": {"of": curves}},
    }


def test_every_picture_and_table_is_written_under_its_name(drawings: Drawings, tmp_path: Path) -> None:
    drawings.write(tmp_path)
    expected = {
        *(f"{name}.png" for name in (*ALWAYS, *OF_THE_MODEL)),
        *(f"{name}_{attribute}.png" for name in OF_ATTRIBUTES for attribute in ("sex", "place")),
        *(f"{name}.csv" for name in ALWAYS),
    }
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert all((tmp_path / name).stat().st_size > 100 for name in expected)


def test_drawing_from_the_written_record_gives_the_same_bytes(drawings: Drawings) -> None:
    again = draw_all(json.loads(json.dumps(small_evaluation.record())))
    assert [plot.png for plot in again.plots] == [plot.png for plot in drawings.plots]
    for name, table in drawings.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_pictures_hold_pixels_and_no_text_date_or_software(drawings: Drawings) -> None:
    for plot in drawings.plots:
        assert plot.png.startswith(b"\x89PNG\r\n\x1a\n")
        assert set(chunks(plot.png)) <= {"IHDR", "PLTE", "pHYs", "IDAT", "IEND"}


def test_every_picture_has_a_title_and_a_description(drawings: Drawings) -> None:
    assert all(plot.title and plot.description.endswith(".") for plot in drawings.plots)
    assert len({plot.title for plot in drawings.plots}) == len(drawings.plots)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures behind the pictures, kept when they are painted."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kept: list[Any] = []
    paint = FigureCanvasAgg.draw

    def keep(canvas: FigureCanvasAgg) -> None:
        paint(canvas)
        kept.append(canvas.figure)

    monkeypatch.setattr(FigureCanvasAgg, "draw", keep)
    return kept


def named(axis: Any) -> bool:
    """Whether an axis has a label or names things itself."""
    return bool(axis.get_label_text()) or any(not is_number(tick.get_text()) for tick in axis.get_ticklabels())


def is_number(text: str) -> bool:
    return text.strip("−-%").replace(",", "").replace(".", "").isdigit() or not text


def test_every_picture_has_axis_labels_and_nothing_of_it_is_cut_off(figures: list[Any]) -> None:
    record = small_evaluation.record()
    del record["fairness"]["sex"]
    draw_all(record)
    for figure in figures:
        title, panels = figure.get_suptitle(), [axes for axes in figure.axes if axes.get_visible()]
        assert any(axes.get_title("left") or named(axes.xaxis) for axes in panels), title
        drawn = not any(text.get_text().startswith("undefined:") for axes in panels for text in axes.texts)
        assert any(named(axes.yaxis) for axes in panels) or not drawn, title
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 >= -0.02, title
        assert box.y0 >= -0.02, title
        assert box.x1 <= width + 0.02, title
        assert box.y1 <= height + 0.02, title


def test_decisions_without_labels_have_two_pictures_of_each_attribute_and_no_tables() -> None:
    record = small_evaluation.audit_record()
    drawings = draw_all(record)
    assert [plot.name for plot in drawings.plots] == [
        f"{name}_{attribute}" for attribute in record["fairness"] for name in ("comparisons", "rates")
    ]
    assert drawings.tables == {}


def test_decisions_with_scores_and_without_labels_have_histograms_as_well() -> None:
    record = small_evaluation.audit_record(scores=True)
    record["fairness"] = {"sex": record["fairness"]["sex"]}
    assert [plot.name for plot in draw_all(record).plots] == ["comparisons_sex", "rates_sex", "scores_sex"]


def test_decisions_with_labels_and_without_scores_have_a_confusion_matrix() -> None:
    record = small_evaluation.audit_record(labels=True)
    record["fairness"] = {"sex": record["fairness"]["sex"]}
    assert [plot.name for plot in draw_all(record).plots] == ["confusion", "comparisons_sex", "rates_sex"]


def test_decisions_without_threshold_are_drawn_as_a_point_without_one() -> None:
    record = small_evaluation.audit_record(labels=True, scores=True)
    assert record["decision"]["threshold"] is None
    assert roc_plot(record).png
    assert precision_recall_plot(record).png
    assert calibration_plot(record).png
    assert scores_plot("sex", record).png


def test_one_class_gives_undefined_curves_and_no_warning() -> None:
    record = small_evaluation.record()
    record["curves"] |= {"confusion": [[0, 0], [4, 6]], "roc": []}
    record["performance"]["roc_auc"] = measured(None)
    assert roc_plot(record).description.endswith("area undefined.")
    record["curves"] |= {"confusion": [[4, 6], [0, 0]], "precision_recall": [], "calibration": []}
    del record["performance"]["pr_auc"]
    assert precision_recall_plot(record).description.endswith("all thresholds; 0.0% of the rows are positive.")
    assert "in 0 bins" in calibration_plot(record).description


def test_a_comparison_without_value_is_drawn_as_undefined_and_one_without_any_left_out() -> None:
    lines = [
        ComparisonLine("one", measured(0.1), measured(None)),
        ComparisonLine("two", measured(0.1), None),
        ComparisonLine("three", measured(None), measured(None)),
    ]
    assert comparisons_plot("of", lines).description == "one: difference 0.100, ratio undefined; two: difference 0.100."
    assert comparisons_plot("of", lines[2:]).description == "undefined: nobody is there."
    assert comparisons_plot("of", []).description == "undefined: nothing was compared."


def test_a_group_without_rate_is_drawn_as_undefined_and_described_so() -> None:
    groups = {"<a> & $b$": group(None, n=0, judged=False), "c": group()}
    plot = rates_plot("of", {"groups": groups}, counts([[5, 5], [5, 5]]))
    assert "<a> & $b$: undefined; c: 50.0%" in plot.description


def test_a_picture_holds_the_largest_groups_and_says_how_many_are_left_out() -> None:
    names = [f"group {number} with a name that does not end so soon as one might wish" for number in range(30)]
    record = record_of_groups(names)
    rates = rates_plot("of", record["fairness"]["of"], counts([[5, 5], [5, 5]]))
    assert rates.title.endswith(f"(the largest {MOST_RATES} of 30 groups)")
    assert names[MOST_RATES - 1] in rates.description
    assert names[MOST_RATES] not in rates.description
    assert f"of {len(names)} groups" in scores_plot("of", record).title
    for plot in (group_calibration_plot("of", record), threshold_plot("of", record)):
        assert plot.title.endswith(f"(the largest {len(LOOKS)} of 30 groups)")
    few = rates_plot("of", {"groups": {name: group() for name in names[:2]}}, counts([[5, 5], [5, 5]]))
    assert size(few)[0] == size(rates)[0]
    assert size(rates)[1] > 3 * size(few)[1]
    assert size(rates)[1] / DPI < 15
    assert "groups)" not in few.title


def test_groups_that_are_not_judged_have_no_curves() -> None:
    record = record_of_groups(["a", "b"])
    for one in record["fairness"]["of"]["groups"].values():
        one["judged"] = False
    assert group_calibration_plot("of", record).description.endswith("for no group.")
    assert threshold_plot("of", record).description.endswith("for no group.")


def test_a_group_without_rows_has_no_histogram() -> None:
    record = record_of_groups(["a", "b"])
    record["curves"]["by_group"]["of"]["b"] = {"scores": {"counts": [0, 0], "median": None}}
    assert scores_plot("of", record).description.endswith("a: median 0.600; b: no rows.")


def test_overall_rates_by_hand() -> None:
    assert overall_rates(counts([[4, 1], [2, 3]])) == pytest.approx(
        {
            "selection_rate": 0.4,
            "true_positive_rate": 0.6,
            "false_positive_rate": 0.2,
            "positive_predictive_value": 0.75,
        }
    )


def test_overall_rates_are_weighted_where_the_counts_are() -> None:
    weights: dict[str, Any] = {"weights": [[[4.0, 4.0], [1.0, 1.0]]], "squares": [[[4.0, 16.0], [1.0, 1.0]]]}
    assert overall_rates(counts([[4, 1], [1, 1]], **weights))["selection_rate"] == pytest.approx(0.5)


def test_overall_rates_are_none_where_nobody_is_counted_and_absent_without_labels() -> None:
    rates = overall_rates(counts([[0, 0], [2, 2]]))
    assert (rates["true_positive_rate"], rates["false_positive_rate"]) == (0.5, None)
    assert overall_rates(counts([[3, 1], [0, 0]]) | {"labelled": False}) == {"selection_rate": 0.25}


def test_undefined_contributions_are_drawn_as_their_reason() -> None:
    importance = {"income": measured(None)}
    assert "nobody is there" in importance_plot(importance, "log-odds", 5).description
    empty: dict[str, Any] = {"columns": [], "contributions": [], "ranks": [], "rows": 0}
    plot = beeswarm_plot({"output": "log-odds", "undefined": "they do not add up", "beeswarm": empty})
    assert plot.description.startswith("0 sampled test rows")


def test_a_beeswarm_takes_ranks_that_are_missing_and_contributions_that_are_all_alike() -> None:
    swarm = {
        "columns": ["a", "b", "c"],
        "contributions": [[0.1, 0.2, -0.3], [0.0, 0.5, 0.1], [0.0, 0.0, 0.0]],
        "ranks": [[None, None, None], [0, None, 100], [50, 50, 50]],
        "rows": 3,
    }
    plot = beeswarm_plot({"output": "log-odds", "beeswarm": swarm})
    assert plot.description == "3 sampled test rows; contributions of 3 source columns."


def test_names_that_the_font_cannot_draw_do_not_warn() -> None:
    plot = scores_plot("of", record_of_groups(["評価 $x_1$", "b"]))
    assert plot.description.startswith("Distribution of scores by group. 評価 $x_1$: median")


def test_few_colours_are_kept_as_they_are() -> None:
    pixels = np.zeros((4, 5, 3), dtype=np.uint8)
    pixels[:, 1], pixels[:, 2:] = (0, 114, 178), (255, 255, 255)
    places, palette = with_palette(pixels)
    np.testing.assert_array_equal(palette[places], pixels)
    assert palette.tolist() == [[255, 255, 255], [0, 0, 0], [0, 114, 178]]


def test_of_many_colours_the_frequent_ones_are_kept_and_the_others_take_the_nearest() -> None:
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    pixels = np.concatenate([noise, np.full((60, 60, 3), (213, 94, 0), dtype=np.uint8)])
    places, palette = with_palette(pixels)
    assert len(palette) == COLOURS
    np.testing.assert_array_equal(palette[places][60:], pixels[60:])
    distances = ((pixels[:60, :, None].astype(int) - palette[None, None].astype(int)) ** 2).sum(axis=3)
    chosen = np.take_along_axis(distances, places[:60, :, None].astype(int), axis=2)[..., 0]
    assert (np.sqrt(chosen) <= np.sqrt(distances.min(axis=2)) + 2 * 8 * np.sqrt(3)).all()


def test_long_names_are_broken_and_cut_where_they_still_differ() -> None:
    assert wrapped("short") == "short"
    text = wrapped("one two three four five six seven", 9, 2)
    assert text == "one two\nthre…even"
    assert wrapped("a long name × men", 10, 1) != wrapped("a long name × women", 10, 1)
    assert wrapped("") == ""


def test_the_largest_keep_their_order_and_the_first_of_equal_ones_stays() -> None:
    assert largest({"a": 1, "b": 3, "c": 1, "d": 2}, 3) == ["a", "b", "d"]
    assert left_out(3, 4) == " (the largest 3 of 4 groups)"
    assert left_out(4, 4) == ""
