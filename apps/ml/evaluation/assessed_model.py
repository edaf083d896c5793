"""A bundle with the rows it is assessed on, whatever it predicts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import REGRESSION, AttributeSchema, ProcessedSchema, ProcessedSplit
from apps.ml.errors import BundleError
from apps.ml.evaluation.explanations.basis import FROM_TRAINING, Basis, basis_of_rows, publishable, training_background
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.explanation import ExplainedRows
from apps.ml.models.bundle import ModelBundle
from apps.ml.parameters import ModelEvaluation


@dataclass(frozen=True)
class AssessedModel:
    """A bundle with the rows it is assessed on.

    `test`: rows that nothing was chosen on. `encoded`: float64 [n, k] of these. `training`: the training rows, and
    `encoded_training`: float64 [m, k] of them, as background and reference of explanations. `validation`: rows that a
    mitigation was chosen on, None where there is none.
    """

    bundle: ModelBundle
    schema: ProcessedSchema
    test: ProcessedSplit
    encoded: npt.NDArray[np.float64]
    training: ProcessedSplit
    encoded_training: npt.NDArray[np.float64]
    validation: ProcessedSplit | None = None

    @property
    def rule(self) -> DecisionRule:
        """The rule that is served."""
        info = self.bundle.info
        return DecisionRule(
            info.columns, self.bundle.decision_scores, self.bundle.decide, info.favourable, self.threshold
        )

    @property
    def threshold(self) -> float:
        """The decision score at and above which the decision is 1."""
        if self.bundle.info.threshold is None:
            raise BundleError("the model predicts numbers and decides nothing. Assess it as a regression.")
        return self.bundle.info.threshold

    def inputs(self, split: ProcessedSplit) -> pd.DataFrame:
        """The input columns of the model, typed."""
        return split.inputs(self.bundle.info.columns)

    @property
    def groups(self) -> pd.DataFrame:
        """Group names of the test rows, in the display order of the schema."""
        return pd.DataFrame({one.name: in_display_order(self.test.groups[one.name], one) for one in self.attributes})

    @property
    def attributes(self) -> tuple[AttributeSchema, ...]:
        """The sensitive attributes."""
        return self.schema.attributes


def in_display_order(names: pd.Series, attribute: AttributeSchema) -> pd.Series:
    """Return group names as categories in the order of the schema; those without a row are left out."""
    present = set(names.unique())
    return names.astype(pd.CategoricalDtype([group for group in attribute.groups if group in present]))


def explained_rows(model: AssessedModel) -> ExplainedRows:
    """Return the encoded test rows with all that their explanation needs."""
    return ExplainedRows(
        X=model.encoded,
        rows=model.test.rows,
        training=model.encoded_training,
        feature_names=model.bundle.info.feature_names,
        feature_sources=model.bundle.info.feature_sources,
        frame=model.inputs(model.test),
    )


def published_basis(model: AssessedModel, parameters: ModelEvaluation) -> Basis:
    """Return what the explanations compare people with, as far as it may travel with the model: no row of anybody."""
    basis = basis_of_rows(
        None if model.bundle.info.task == REGRESSION else model.rule,
        model.inputs(model.training),
        training_background(model.encoded_training, parameters),
        model.attributes,
        parameters.explanations,
        parameters.seed,
        FROM_TRAINING,
    )
    return publishable(basis, model.bundle.estimator)
