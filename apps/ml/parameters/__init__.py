"""The typed, frozen view of params.yaml: unknown keys and impossible values are errors, never defaults.

Sections are named as the stages, one module each. Each error names the key's full path, what was expected and, for an
unknown key, the nearest valid name.
"""

from apps.ml.parameters.data import DataProcessing
from apps.ml.parameters.estimators import EstimatorName, Estimators, Member
from apps.ml.parameters.evaluation import Explanations, ModelEvaluation
from apps.ml.parameters.features import ColumnOverride, FeatureEngineering
from apps.ml.parameters.mitigation import Constraint, Mitigation, MitigationName
from apps.ml.parameters.reading import Parameters, check_parameters, read_parameters
from apps.ml.parameters.registration import (
    PAIRED_ERRORS,
    PAIRED_GAPS,
    PAIRED_METRICS,
    PAIRED_RATES,
    Gate,
    GroupPerformance,
    Guards,
    LevellingDown,
    ModelRegistration,
    Policy,
)
from apps.ml.parameters.training import Calibration, Direction, EarlyStopping, ModelTraining, Threshold
from apps.ml.parameters.tuning import ModelTuning
from apps.ml.parameters.values import Encoding, Name, NumericImputation, OpenShare, Scaling, Section, Share

__all__ = [
    "PAIRED_ERRORS",
    "PAIRED_GAPS",
    "PAIRED_METRICS",
    "PAIRED_RATES",
    "Calibration",
    "ColumnOverride",
    "Constraint",
    "DataProcessing",
    "Direction",
    "EarlyStopping",
    "Encoding",
    "EstimatorName",
    "Estimators",
    "Explanations",
    "FeatureEngineering",
    "Gate",
    "GroupPerformance",
    "Guards",
    "LevellingDown",
    "Member",
    "Mitigation",
    "MitigationName",
    "ModelEvaluation",
    "ModelRegistration",
    "ModelTraining",
    "ModelTuning",
    "Name",
    "NumericImputation",
    "OpenShare",
    "Parameters",
    "Policy",
    "Scaling",
    "Section",
    "Share",
    "Threshold",
    "check_parameters",
    "read_parameters",
]
