"""Small real models of people who ask for loans, trained once, with what the evidence would say of their answers.

Age cannot be acted on, debt only falls, and the city is declared to stand in for the sex.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split, write_schema
from apps.ml.deployment.explaining import bounds
from apps.ml.deployment.explaining.basis_sources import basis_for
from apps.ml.deployment.explaining.explainer import Explainer
from apps.ml.deployment.explaining.preparation import prepared_explainer
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.features.tables import read_features
from apps.ml.models.bundle import Answers
from apps.ml.parameters import ModelEvaluation, read_parameters
from apps.ml.pipelines import feature_engineering
from apps.ml.tests import small_loans, small_pipeline, small_wages

PATIENT_SECONDS = 1e6
PERMISSIVE = ServingPolicy(allow_sensitive=True, allow_chance=True)
DECLARED: dict[str, dict[str, Any]] = {
    "income": {"actionable": "increase", "reason_low": "the income is too low"},
    "debt": {"actionable": "decrease", "reason_high": "the debts are too high"},
    "age": {"actionable": "no"},
    "city": {"proxy_of": "sex", "actionable": "no"},
}
EVERY_ENCODING = {
    "numeric": {"scaling": "robust"},
    "columns": {"age": {"bins": 4}, "city": {"encoding": "target"}},
    "interactions": [["income", "debt"]],
}


@dataclass(frozen=True)
class Explained:
    """A served model in its workspace, its explainer on the training basis, and test rows with their answers."""

    paths: ArtifactPaths
    model: ServedModel
    explainer: Explainer
    frame: pd.DataFrame
    answers: Answers

    @property
    def evaluation(self) -> ModelEvaluation:
        """The parameters of the evidence."""
        return read_parameters(self.paths.parameters).model_evaluation

    @property
    def encoded_training(self) -> Any:
        """Encoded training rows as the evidence takes them."""
        features = read_features(self.paths.features, "train").to_numpy(dtype=np.float64)
        return self.model.bundle.with_group(features, read_split(self.paths.processed, "train").groups)

    @property
    def bad(self) -> Any:
        """Positions of the rows that are decided unfavourably."""
        assert self.answers.decisions is not None
        return np.flatnonzero(self.answers.decisions == 0)

    def chosen(self, rows: Any) -> tuple[pd.DataFrame, Answers]:
        """Some of the rows with their answers."""
        decisions = self.answers.decisions
        answers = Answers(self.answers.scores[rows], None if decisions is None else decisions[rows])
        return self.frame.iloc[rows].reset_index(drop=True), answers


MakeExplained = Callable[..., Explained]


@contextmanager
def any_machine_is_quick_enough() -> Iterator[None]:
    """Explain, however long that takes here: bounds are measured, and a slow machine would refuse rows of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "CALL_SECONDS", PATIENT_SECONDS)
        yield


@pytest.fixture(autouse=True)
def _any_machine_is_quick_enough() -> Iterator[None]:
    with any_machine_is_quick_enough():
        yield


@pytest.fixture(scope="session")
def explained(tmp_path_factory: pytest.TempPathFactory) -> MakeExplained:
    """Return what makes a model explained: `explained(estimator, features=…, data=…, **training)`, each once."""
    known: dict[str, Explained] = {}

    def make(
        estimator: str = "lightgbm", features: dict[str, Any] | None = None, data: Any = small_loans, **training: Any
    ) -> Explained:
        key = repr((estimator, features, data.__name__, training))
        if key not in known:
            folder = tmp_path_factory.mktemp("explained")
            prepared = _prepared(folder / "prepared", features or {}, data)
            with any_machine_is_quick_enough():
                known[key] = _explained(prepared, folder, estimator, training)
        return known[key]

    return make


def _prepared(root: Path, features: dict[str, Any], data: Any) -> ArtifactPaths:
    paths = small_pipeline.write_parameters(root)
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    paths.parameters.write_text(yaml.safe_dump(content | {"feature_engineering": features}), encoding="utf-8")
    data.write_processed(paths.processed)
    schema = read_schema(paths.processed)
    if data is small_loans:
        columns = tuple(replace(column, **DECLARED.get(column.name, {})) for column in schema.columns)
        write_schema(paths.processed, replace(schema, columns=columns))
    feature_engineering.main(paths)
    return paths


def _explained(prepared: ArtifactPaths, folder: Path, estimator: str, training: dict[str, Any]) -> Explained:
    paths = small_pipeline.trained(prepared, folder / "trained", estimator, **training)
    model = FolderSource(paths.bundle, PERMISSIVE).load()
    explainer = prepared_explainer(model, basis_for(model, paths))
    frame = read_split(paths.processed, "test").inputs(model.bundle.info.columns)
    return Explained(paths, model, explainer, frame, model.scorer.answers(frame))


@pytest.fixture(scope="session")
def loans(explained: MakeExplained) -> Explained:
    """LightGBM's trees on small loans."""
    return explained("lightgbm")


@pytest.fixture(scope="session")
def wages(explained: MakeExplained) -> Explained:
    """LightGBM's trees for a numeric label."""
    return explained("lightgbm", data=small_wages)
