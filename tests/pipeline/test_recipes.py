"""The recipes of mlops/dvc/recipes reach what docs/ml/recipes.md says they were measured at."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.ml.files import read_json
from apps.ml.models.bundle import read_info
from apps.ml.parameters import check_parameters
from tests.architecture.stage_dependencies import ROOT
from tests.pipeline.stages_in_process import FIRST_FOUR, merged, run_stages_with

RECIPES = ROOT / "mlops/dvc/recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))


def parameters_of(recipe: str) -> dict[str, Any]:
    """params.yaml with a recipe put over it."""
    own = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return merged(own, yaml.safe_load((RECIPES / f"{recipe}.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("recipe", NAMES)
def test_a_recipe_fits_the_parameters_and_is_documented(recipe: str) -> None:
    check_parameters(parameters_of(recipe), recipe)
    assert f"`{recipe}`" in (ROOT / "docs/ml/recipes.md").read_text(encoding="utf-8")


def run(recipe: str, root: Path) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Performance, fairness by sex and the bundle's facts after the first four stages."""
    if not os.environ.get("FAIRMIND_DATA_DIR"):
        pytest.skip("FAIRMIND_DATA_DIR is not set: no real data")
    content = parameters_of(recipe)
    content["model_evaluation"]["explanations"] |= {"lime_samples": 200, "permutation_repeats": 2, "global_rows": 50}
    paths = run_stages_with(root, FIRST_FOUR, content)
    fairness = read_json(paths.metric("fairness"))["sex"]
    return read_json(paths.metric("performance")), fairness, read_info(paths.bundle)


@pytest.mark.slow
def test_a_vote_of_boosters_ranks_as_documented(tmp_path: Path) -> None:
    performance, _, info = run("adult_ranking", tmp_path)
    assert performance["roc_auc"]["value"] >= 0.930
    assert info.randomised is False


@pytest.mark.slow
def test_thresholds_by_group_close_the_gap_without_chance(tmp_path: Path) -> None:
    performance, fairness, info = run("adult_group_thresholds", tmp_path)
    assert performance["accuracy"]["value"] >= 0.863
    assert fairness["equalized_odds_difference"]["value"] <= 0.03
    assert (info.randomised, info.needs_sensitive_at_prediction) == (False, True)


@pytest.mark.slow
def test_blind_post_processing_closes_the_gap_without_the_attribute(tmp_path: Path) -> None:
    performance, fairness, info = run("adult_blind", tmp_path)
    assert performance["accuracy"]["value"] >= 0.863
    assert fairness["equalized_odds_difference"]["value"] <= 0.03
    assert (info.randomised, info.needs_sensitive_at_prediction) == (False, False)
    assert info.mitigation is not None
    assert info.mitigation.estimates_sensitive
