import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.plots.contributions import beeswarm_plot, importance_plot
from apps.ml.evaluation.plots.curves import precision_recall_plot, roc_plot
from apps.ml.evaluation.plots.drawing import Drawings
from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.plots.groups import overall_rates, rates_plot, scores_plot
from apps.ml.evaluation.plots.style import DPI, Plot, wrapped
from apps.ml.evaluation.plots.tables import precision_recall_points, roc_points
from apps.ml.tests import small_evaluation


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


def rows_with(groups: list[str], labels: list[int] | None = None) -> EvaluatedRows:
    n = len(groups)
    scores = np.linspace(0.1, 0.9, n)
    decisions = (scores >= 0.5).astype(np.int8)
    y = np.asarray(labels if labels is not None else decisions, dtype=np.int8)
    return EvaluatedRows(y, scores, decisions, pd.DataFrame({"of": groups}), 0.5, "yes", "no")


def test_every_picture_and_table_is_written_under_its_name(drawings: Drawings, tmp_path: Path) -> None:
    drawings.write(tmp_path)
    expected = {
        *("roc.png", "precision_recall.png", "calibration.png", "confusion.png"),
        *("rates_sex.png", "scores_sex.png", "rates_place.png", "scores_place.png"),
        *("shap_importance.png", "shap_beeswarm.png"),
        *("roc.csv", "precision_recall.csv", "calibration.csv", "confusion.csv"),
    }
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert all((tmp_path / name).stat().st_size > 100 for name in expected)


def test_drawing_twice_gives_the_same_bytes(drawings: Drawings) -> None:
    again = small_evaluation.drawings()
    assert [plot.png for plot in again.plots] == [plot.png for plot in drawings.plots]
    for name, table in drawings.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_pictures_hold_pixels_and_no_text_date_or_software(drawings: Drawings) -> None:
    for plot in drawings.plots:
        assert plot.png.startswith(b"\x89PNG\r\n\x1a\n")
        assert set(chunks(plot.png)) <= {"IHDR", "PLTE", "pHYs", "IDAT", "IEND"}


def test_every_picture_has_a_title_and_a_description(drawings: Drawings) -> None:
    assert all(plot.title and plot.description.endswith(".") for plot in drawings.plots)


def test_pictures_of_many_groups_grow_in_height() -> None:
    few = scores_plot("of", rows_with(["a", "b"] * 10), ["a", "b"])
    names = [f"group {number} with a name that does not end soon" for number in range(30)]
    many = scores_plot("of", rows_with(names), names)
    assert size(many)[0] == size(few)[0]
    assert size(many)[1] > 30 * 0.6 * DPI > size(few)[1]


def test_a_group_without_rate_is_drawn_as_undefined_and_described_so() -> None:
    nobody = {"value": None, "n": 0, "undefined": "no row is positive"}
    group = {"n": 0, "judged": False, "why_not": "few", "selection_rate": nobody}
    plot = rates_plot("of", {"groups": {"<a> & $b$": group}}, {"selection_rate": None})
    assert "<a> & $b$: undefined" in plot.description


def test_one_class_gives_undefined_curves_and_no_warning() -> None:
    rows = rows_with(["a"] * 10, labels=[1] * 10)
    assert roc_plot(rows, roc_points(rows.labels, rows.scores), {}).description.endswith("undefined.")
    none = rows_with(["a"] * 10, labels=[0] * 10)
    points = precision_recall_points(none.labels, none.scores)
    assert "undefined" in precision_recall_plot(none, points, {}).description


def test_undefined_contributions_are_drawn_as_their_reason() -> None:
    importance = {"income": {"value": None, "n": 0, "undefined": "they do not add up"}}
    assert "they do not add up" in importance_plot(importance, "log-odds", 5).description
    plot = beeswarm_plot(["income"], np.zeros((0, 1)), pd.DataFrame({"income": []}), "log-odds", "they do not add up")
    assert plot.description.startswith("0 sampled test rows")


def test_a_beeswarm_takes_categories_missing_values_and_constants() -> None:
    values = pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, np.nan, 3.0], "c": [1.0, 1.0, 1.0]})
    contributions = np.array([[0.1, 0.0, 0.0], [0.2, 0.5, 0.0], [-0.3, 0.1, 0.0]])
    before = values.copy(deep=True)
    assert beeswarm_plot(["a", "b", "c"], contributions, values, "log-odds", None).png
    pd.testing.assert_frame_equal(values, before)


def test_overall_rates_are_none_where_nobody_is_counted() -> None:
    rates = overall_rates(rows_with(["a"] * 4, labels=[1, 1, 1, 1]))
    assert rates["selection_rate"] == 0.5
    assert rates["true_positive_rate"] == 0.5
    assert rates["false_positive_rate"] is None
    assert rates["positive_predictive_value"] == 1.0


def test_names_that_the_font_cannot_draw_do_not_warn() -> None:
    plot = scores_plot("of", rows_with(["評価 $x_1$", "b"] * 10), ["評価 $x_1$", "b"])
    assert plot.description.startswith("Distribution of scores by group. 評価 $x_1$: median")


def test_long_names_are_broken_and_cut() -> None:
    assert wrapped("short") == "short"
    text = wrapped("one two three four five six seven", 9, 2)
    assert text == "one two\nthree…"
    assert wrapped("") == ""
