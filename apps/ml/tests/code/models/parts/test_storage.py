import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.errors import BundleError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.additive_model import AdditiveModel
from apps.ml.models.parts.calibrated import Calibrated, Sigmoid
from apps.ml.models.parts.part import Adjustment, Part
from apps.ml.models.parts.storage import DEEPEST, OWN_PARTS, read_part, write_part
from apps.ml.tests.code.models.fit_requests import contents

ROOT = Path(__file__).parents[6]
CONSTANT = AdditiveModel(2, "log-odds", 0.25, [])


def nested(depth: int) -> Any:
    part: Any = CONSTANT
    for _ in range(depth):
        part = Calibrated(part, Sigmoid(1.0, 0.0))
    return part


def test_every_kind_is_listed_under_its_own_name() -> None:
    assert {kind: part.kind for kind, part in OWN_PARTS.items()} == {kind: kind for kind in OWN_PARTS}
    for part in OWN_PARTS.values():
        wanted = Adjustment if hasattr(part, "decision_scores") else Part
        methods = [name for name in vars(wanted) if not name.startswith("_") and callable(getattr(wanted, name))]
        assert [name for name in methods if not hasattr(part, name)] == []


def test_the_page_of_the_format_names_every_kind() -> None:
    page = (ROOT / "docs/ml/bundle_format.md").read_text(encoding="utf-8")
    named = {word for row in re.findall(r"^\| (`[a-z_`, ]+`) \|", page, flags=re.MULTILINE) for word in words(row)}
    assert set(OWN_PARTS) <= named


def words(row: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", row)


def test_parts_lie_as_deep_as_parts_may(tmp_path: Path) -> None:
    write_part(tmp_path, nested(DEEPEST))
    assert read_part(tmp_path, STORED_TYPES).score(np.zeros((3, 2))).shape == (3,)


def test_deeper_parts_are_refused(tmp_path: Path) -> None:
    write_part(tmp_path, nested(DEEPEST + 1))
    with pytest.raises(BundleError, match=f"more than {DEEPEST} parts deep"):
        read_part(tmp_path, STORED_TYPES)


@pytest.mark.parametrize(
    "content", [{"kind": "pickle"}, {"kind": ["additive"]}, {"kind": None}, {"kind": "additive", "more": 1}, {}, []]
)
def test_an_unknown_kind_is_refused(tmp_path: Path, content: Any) -> None:
    write_part(tmp_path, CONSTANT)
    (tmp_path / "part.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BundleError, match=r"part\.json"):
        read_part(tmp_path, STORED_TYPES)


def test_a_folder_without_a_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none of booster\.txt, part\.json and estimator\.skops"):
        read_part(tmp_path, STORED_TYPES)
    write_part(tmp_path / "whole", nested(1))
    (tmp_path / "whole" / "inner" / "part.json").unlink()
    with pytest.raises(BundleError, match="inner holds none of"):
        read_part(tmp_path / "whole", STORED_TYPES)


@pytest.mark.parametrize("kind", sorted(OWN_PARTS))
def test_a_kind_whose_own_files_are_missing_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "part.json").write_text(json.dumps({"kind": kind}), encoding="utf-8")
    with pytest.raises(BundleError):
        read_part(tmp_path, STORED_TYPES)


def test_what_is_written_names_its_kind(tmp_path: Path) -> None:
    write_part(tmp_path, nested(1))
    found = contents(tmp_path)
    assert sorted(found) == ["calibration.json", "inner/additive.json", "inner/part.json", "part.json"]
    assert json.loads(found["part.json"]) == {"kind": "calibrated"}
