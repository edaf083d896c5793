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
        """Return one row per input row: `score` (float64) and `decision` (int64)."""
        scores = self.bundle.score(as_typed(model_input, self.bundle.info.columns))
        return pd.DataFrame({"score": scores, "decision": self.bundle.decide(scores).astype(np.int64)})


mlflow.models.set_model(BundleModel())
