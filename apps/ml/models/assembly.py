"""From processed splits and encoded features to rows for training, and from a trained model to what its bundle says."""

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import ProcessedSchema, ProcessedSplit, is_unknown_group
from apps.ml.errors import ParameterError
from apps.ml.features.tables import FeatureSchema
from apps.ml.models.bundle import BundleInfo, MitigationInfo
from apps.ml.models.calibration import method_for
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.group_input import GroupInput
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.models.training import TrainedModel, TrainingRows
from apps.ml.parameters import Mitigation, ModelTraining
from apps.ml.validation_errors import nearest_name


def mitigated_group(mitigation: Mitigation, schema: ProcessedSchema) -> GroupInput | None:
    """Return the attribute that a mitigation compares, its known groups only; None without a mitigation.

    Raises
    ------
    ParameterError
        The data set has no such sensitive attribute.
    """
    if mitigation.method == "none":
        return None
    attributes = {attribute.name: attribute for attribute in schema.attributes}
    if mitigation.attribute not in attributes:
        raise ParameterError(
            f"model_training.mitigation.attribute: the data set {schema.dataset} has no sensitive attribute "
            f"'{mitigation.attribute}'{nearest_name(mitigation.attribute, list(attributes))}. "
            f"Name one of {', '.join(attributes)}."
        )
    groups = tuple(name for name in attributes[mitigation.attribute].groups if not is_unknown_group(name))
    return GroupInput(mitigation.attribute, groups)


def training_rows(split: ProcessedSplit, X: npt.NDArray[np.float64], group: GroupInput | None) -> TrainingRows:
    """Put encoded features [n, k], labels and, where a mitigation compares groups, their codes together."""
    codes = None if group is None else group.codes(split.groups[group.attribute]).astype(np.int64)
    return TrainingRows(X, split.labels, codes)


def model_info(
    parameters: ModelTraining,
    schema: ProcessedSchema,
    features: FeatureSchema,
    trained: TrainedModel,
    group: GroupInput | None,
    training_rows: int,
) -> BundleInfo:
    """Return what the bundle of a trained model says about itself."""
    chosen = MITIGATIONS[parameters.mitigation.method]
    needed = group if chosen.needs_sensitive_at_prediction else None
    group_columns = () if needed is None else (needed.column,)
    group_names = () if needed is None else (needed.column_name,)
    return BundleInfo(
        dataset=schema.dataset,
        title=schema.title,
        estimator=parameters.estimator,
        threshold=trained.threshold,
        threshold_rule="" if trained.threshold is None else parameters.threshold.rule,
        favourable=schema.favourable,
        positive_name=schema.positive_name,
        negative_name=schema.negative_name,
        columns=(*features.columns, *group_columns),
        feature_names=(*features.feature_names, *group_names),
        feature_sources=(*features.feature_sources, *group_names),
        uses_sensitive=features.uses_sensitive,
        rounds=trained.rounds,
        training_rows=training_rows,
        needs_sensitive_at_prediction=chosen.needs_sensitive_at_prediction,
        randomised=chosen.randomised,
        converged=trained.converged,
        task=schema.task,
        group=needed,
        mitigation=_mitigation(parameters.mitigation, trained),
        monotone=dict(parameters.monotone),
        calibration=method_for(ESTIMATORS[parameters.estimator], parameters.calibration, schema.task),
    )


def _mitigation(mitigation: Mitigation, trained: TrainedModel) -> MitigationInfo | None:
    if mitigation.method == "none":
        return None
    return MitigationInfo(
        mitigation.method,
        mitigation.attribute,
        mitigation.constraint,
        mitigation.tolerance,
        MITIGATIONS[mitigation.method].estimates_sensitive,
        dict(trained.found),
    )
