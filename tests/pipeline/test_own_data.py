"""A CSV that nobody here has seen, with a declaration written from docs/ml/datasets.md alone, through all stages."""

import hashlib

import numpy as np
import pytest

from tests.workspace import Workspace

pytestmark = pytest.mark.pipeline

DECLARATION = """
name: scholarships
title: Applications for a scholarship
description: Invented for a test; whether an applicant finished the first year.
licence: none
task: binary_classification
source:
  kind: files
  files:
    - path: scholarships.csv
      sha256: {sha256}
reading:
  separator: ";"
  missing: ["", "n/a"]
label:
  column: finished
  positive: ["yes"]
  negative: ["no"]
  favourable: positive
  positive_name: finished the first year
  negative_name: left
columns:
  grade: {{type: number, minimum: 1, maximum: 6, missing_at_most: 0.1}}
  distance km: {{type: integer, minimum: 0}}
  works: {{type: boolean}}
  school: {{type: category, categories: [north, south, east, west]}}
  sex: {{type: category, categories: [f, m, x], missing_at_most: 0.05}}
  number: {{type: identifier, unique: true}}
sensitive:
  sex: {{column: sex}}
splits:
  random: {{method: random, test: 0.25, validation: 0.15}}
default_split: random
"""


def own_csv(rows: int = 900) -> str:
    """Semicolons, a blank in a column name, quotes, missing values of two spellings."""
    rng = np.random.default_rng(5)
    lines = ['grade;distance km;works;school;sex;number;"finished"']
    for number in range(rows):
        grade = rng.uniform(1, 6)
        works = rng.random() < 0.3
        finished = rng.random() < 1 / (1 + np.exp(1.2 * (grade - 3.5) + works))
        shown = ("n/a", "")[number % 2] if rng.random() < 0.04 else f"{grade:.1f}"
        school = rng.choice(["north", "south", "east", "west"])
        sex = rng.choice(["f", "m", "x", ""], p=[0.48, 0.46, 0.05, 0.01])
        fields = [shown, str(rng.integers(0, 80)), str(bool(works)).lower(), f'"{school}"', sex, f"A-{number:05d}"]
        lines.append(";".join([*fields, "yes" if finished else "no"]))
    return "\n".join(lines) + "\n"


def test_own_data_needs_one_yaml_file_and_no_python(fresh: Workspace) -> None:
    text = own_csv()
    data = fresh.root / "my_data"
    data.mkdir()
    (data / "scholarships.csv").write_text(text, encoding="utf-8")
    declaration = DECLARATION.format(sha256=hashlib.sha256(text.encode()).hexdigest())
    (fresh.root / "apps/ml/data/datasets/scholarships.yaml").write_text(declaration, encoding="utf-8")
    environment = {"FAIRMIND_DATA_DIR": str(data)}
    fresh.run("fairmind", "datasets", "check", "scholarships", check=True, **environment)
    fresh.edit_parameters(
        data_processing__dataset="scholarships",
        model_evaluation__bootstrap_replicates=100,
        model_evaluation__explanations__lime_samples=200,
    )
    fresh.run("dvc", "repro", check=True, **environment)
    performance = fresh.read_json("reports/metrics/performance.json")
    assert performance["roc_auc"]["lower"] > 0.6
    assert fresh.read_json("reports/metrics/fairness.json")["sex"]["groups"]["unknown"]["judged"] is False
    assert "number" not in fresh.read_json("reports/metrics/explainability.json")["importance"]
