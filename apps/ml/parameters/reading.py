"""The whole of params.yaml, read and checked."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from apps.ml.artifact_paths import PARAMETERS_FILE
from apps.ml.errors import ParameterError
from apps.ml.parameters.data import DataProcessing
from apps.ml.parameters.evaluation import ModelEvaluation
from apps.ml.parameters.features import FeatureEngineering
from apps.ml.parameters.registration import ModelRegistration
from apps.ml.parameters.training import ModelTraining
from apps.ml.parameters.tuning import ModelTuning
from apps.ml.parameters.values import Section
from apps.ml.validation_errors import describe_validation_errors


class Parameters(Section):
    """The whole of params.yaml."""

    data_processing: DataProcessing
    feature_engineering: FeatureEngineering
    model_training: ModelTraining
    model_evaluation: ModelEvaluation
    model_registration: ModelRegistration
    model_tuning: ModelTuning = ModelTuning()


def read_parameters(path: Path = PARAMETERS_FILE) -> Parameters:
    """Read and check params.yaml.

    Raises
    ------
    ParameterError
        The file is missing, is not YAML, or holds an unknown key or an impossible value.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path} does not exist. Run the command in the root of the repository.") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML: {_first_line(error)}. Mend that line.") from error
    return check_parameters(content, str(path))


def check_parameters(content: Any, origin: str = str(PARAMETERS_FILE)) -> Parameters:
    """Turn parsed YAML into :class:`Parameters`; `origin` is named in errors."""
    if not isinstance(content, dict):
        raise ParameterError(f"{origin} holds no sections. Restore it from version control.")
    try:
        return Parameters.model_validate(content)
    except ValidationError as error:
        lines = describe_validation_errors(error, Parameters)
        raise ParameterError(f"{origin}: " + "; ".join(lines) + ". Mend the named keys and run again.") from None


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
