"""The winner as values of params.yaml, so that `dvc repro` trains it."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.ml.experiments.tuning.parameters_file import set_values, yaml_scalar
from apps.ml.experiments.tuning.records import TrialRecord
from apps.ml.experiments.tuning.spaces import resource_option
from apps.ml.files import write_text
from apps.ml.parameters import check_parameters

SECTION = "model_training"


def winner_values(record: TrialRecord) -> dict[str, Any]:
    """Return path in params.yaml → value.

    Where the number of rounds or epochs was found by growing, it is set and early stopping is switched off: the model
    then has as many rounds as the trial that won.
    """
    options = f"{SECTION}.estimators.{record.estimator}"
    values: dict[str, Any] = {f"{SECTION}.estimator": record.estimator}
    values |= {f"{options}.{name}": value for name, value in record.options.items()}
    limit = resource_option(record.estimator)
    if record.kept is not None and limit is not None:
        values |= {f"{options}.{limit}": record.kept, f"{SECTION}.early_stopping.enabled": False}
    return values


def experiment_line(values: Mapping[str, Any]) -> str:
    """Return the command that trains the winner as a DVC experiment, params.yaml staying as it is."""
    return " ".join(
        ["dvc exp run", *(f"-S {shlex.quote(f'{path}={yaml_scalar(value)}')}" for path, value in values.items())]
    )


def apply_winner(path: Path, values: Mapping[str, Any]) -> None:
    """Write the values into params.yaml; comments, order and everything else stay.

    Raises
    ------
    ParameterError
        The file cannot be edited line by line; the message names the experiment that does the same.
    """
    import yaml

    text = set_values(path.read_text(encoding="utf-8"), values, otherwise=experiment_line(values))
    check_parameters(yaml.safe_load(text), str(path))
    write_text(path, text)
