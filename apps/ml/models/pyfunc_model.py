"""The script from which MLflow loads a bundle: it holds code only, the model is the bundle beside it.

Nothing is pickled, so the model loads where pickle is forbidden.
"""

from pathlib import Path
from typing import Any

import mlflow.models
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from apps.ml.models.bundle import ModelBundle, read_bundle
from apps.ml.models.golden_rows import as_typed


class BundleModel(PythonModel):
    """Answers MLflow's `predict` with the bundle that is logged as the artifact `bundle`."""

    bundle: ModelBundle

    def load_context(self, context: PythonModelContext) -> None:
        """Read and check the bundle."""
        self.bundle = read_bundle(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 (MLflow's signature)
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Return one row per input row: `score` (float64) and, where the model decides, `decision` (int64)."""
        answers = self.bundle.answers(as_typed(model_input, self.bundle.info.columns))
        decided = {} if answers.decisions is None else {"decision": answers.decisions.astype(np.int64)}
        return pd.DataFrame({"score": answers.scores, **decided})


mlflow.models.set_model(BundleModel())
