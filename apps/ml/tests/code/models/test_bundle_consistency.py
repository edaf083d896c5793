"""Bundles whose files are sound one by one and do not belong together: refused before a row is scored."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.errors import BundleError
from apps.ml.models.bundle import read_bundle, read_info
from apps.ml.models.bundle_files import read_exact_json, write_exact_json, write_manifest
from apps.ml.tests.code.models.parts.tampering import change_json, put

BASE = Path(__file__).parent
GROUPS, WAGES, PLAIN = (BASE / f"format_{name}_bundle" for name in ("2_group_thresholds", "2_wages", "1_linear"))
GROUP_COLUMN = "fairmind:group:sex"


def tampered(source: Path, folder: Path, *changes: Callable[[Any], Any]) -> Path:
    """Copy a bundle, change its model.json and sign it again."""
    copy = Path(shutil.copytree(source, folder / "bundle"))
    for change in changes:
        change_json(copy / "model.json", change)
    write_manifest(copy)
    return copy


def without_last(content: Any, *keys: str) -> None:
    for key in keys:
        content[key] = content[key][:-1]


CASES: dict[str, tuple[Path, list[Callable[[Any], Any]], str]] = {
    "a threshold of a number": (WAGES, [put("threshold", 0.5)], "'threshold'.*numeric label"),
    "a rule of a number": (WAGES, [put("threshold_rule", "fixed")], "'threshold_rule'.*numeric label"),
    "no threshold": (PLAIN, [put("threshold", None)], "'threshold'"),
    "a threshold that is no number": (PLAIN, [put("threshold", float("nan"))], r"model\.json"),
    "a threshold above all": (PLAIN, [put("threshold", 1.5)], "'threshold'"),
    "a threshold of text": (PLAIN, [put("threshold", "half")], "'threshold'"),
    "an unknown task": (PLAIN, [put("task", "ranking")], "'task'"),
    "an unknown kind of column": (PLAIN, [put("columns", 0, "kind", "colour")], "'columns.0.kind'"),
    "a column twice": (PLAIN, [lambda content: content["columns"].append(content["columns"][0])], "'columns'"),
    "an event for a number": (WAGES, [put("task", "binary_classification"), put("threshold", 0.5)], "estimator"),
    "a number for an event": (
        PLAIN,
        [put("task", "regression"), put("threshold", None), put("threshold_rule", "")],
        "estimator",
    ),
    "a feature too few": (PLAIN, [lambda c: without_last(c, "feature_names", "feature_sources")], "transformer"),
    "a source too few": (PLAIN, [lambda c: without_last(c, "feature_sources")], "'feature_sources'"),
    "a column of the transformer is missing": (PLAIN, [lambda c: c["columns"].pop(0)], "transformer"),
    "a group without column": (GROUPS, [lambda c: without_last(c, "columns")], f"'{GROUP_COLUMN}'"),
    "a group without feature": (
        GROUPS,
        [lambda c: without_last(c, "feature_names", "feature_sources")],
        f"'{GROUP_COLUMN}'",
    ),
    "a group twice": (GROUPS, [put("group", "groups", 0, "male")], "'group'"),
    "a group that is not needed": (GROUPS, [put("needs_sensitive_at_prediction", False)], "'needs_sensitive_at_pred"),
    "a need without group": (PLAIN, [put("needs_sensitive_at_prediction", True)], "'needs_sensitive_at_prediction'"),
    "a group that nothing looks at": (
        GROUPS,
        [
            put("group", None),
            put("needs_sensitive_at_prediction", False),
            lambda c: without_last(c, "columns", "feature_names", "feature_sources"),
        ],
        "adjustment",
    ),
    "a draw that nobody makes": (GROUPS, [put("randomised", True)], "'randomised'"),
    "another threshold than the adjustment's": (GROUPS, [put("threshold", 0.123)], "threshold"),
    "a list": (PLAIN, [], r"model\.json"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_does_not_belong_together_is_refused(name: str, tmp_path: Path) -> None:
    source, changes, message = CASES[name]
    folder = tampered(source, tmp_path, *changes)
    if not changes:
        (folder / "model.json").write_text("[1, 2]", encoding="utf-8")
        write_manifest(folder)
    with pytest.raises(BundleError, match=message):
        read_bundle(folder, verify=False)


@pytest.mark.parametrize("verify", [True, False])
def test_a_missing_adjustment_is_noticed_although_the_manifest_was_signed_again(verify: bool, tmp_path: Path) -> None:
    folder = tampered(GROUPS, tmp_path)
    shutil.rmtree(folder / "adjustment")
    golden = read_exact_json(folder / "golden_rows.json")
    del golden["decision_scores"]
    write_exact_json(folder / "golden_rows.json", golden)
    write_manifest(folder)
    with pytest.raises(BundleError, match=r"'group'.*no part of the bundle looks at"):
        read_bundle(folder, verify)


def test_an_adjustment_of_a_numeric_label_is_refused(tmp_path: Path) -> None:
    folder = tampered(WAGES, tmp_path)
    shutil.copytree(GROUPS / "adjustment", folder / "adjustment")
    write_manifest(folder)
    with pytest.raises(BundleError, match=r"adjustment.*numeric label"):
        read_bundle(folder, verify=False)


def test_an_estimator_that_cannot_score_is_refused_where_golden_rows_are_scored(tmp_path: Path) -> None:
    """Its type is on the list, but nobody has fitted it."""
    from sklearn.linear_model import LogisticRegression

    from apps.ml.features.safe_objects import write_object

    folder = tampered(PLAIN, tmp_path)
    hollow = LogisticRegression()
    hollow.classes_ = np.array([0, 1])
    hollow.n_features_in_ = read_bundle(PLAIN).estimator.n_features_in_
    write_object(folder / "estimator.skops", hollow)
    write_manifest(folder)
    with pytest.raises(BundleError, match="cannot score its golden rows"):
        read_bundle(folder)


def test_json_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    folder = tampered(PLAIN, tmp_path)
    (folder / "model.json").write_text("[" * 100_000, encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(BundleError, match=r"model\.json is not JSON"):
        read_info(folder)


def test_the_info_says_in_json_what_it_is_read_from() -> None:
    for folder in (GROUPS, WAGES, PLAIN):
        info = read_info(folder)
        assert {**json.loads((folder / "model.json").read_text(encoding="utf-8"))}.keys() <= info.to_dict().keys()
