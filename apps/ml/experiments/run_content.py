"""What a run says in MLflow's terms: flat parameters as text, flat metrics as numbers."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.experiments.tags import shortened
from apps.ml.parameters import Parameters

LONGEST_PARAMETER = 6000
LONGEST_NAME = 250
NOT_METRICS = frozenset({"profile", "behaviour", "by_group", "reference"})
"""Parts of the metric files that describe, or whose thousands of numbers only the record holds."""

FORBIDDEN_IN_NAMES = re.compile(r"[^\w\-. :]")


@dataclass(frozen=True)
class FlatMetrics:
    """Numbers by name (with `…_lower` and `…_upper` where there is an interval) and reasons of what is undefined."""

    values: Mapping[str, float]
    undefined: Mapping[str, str]


def flat_parameters(parameters: Parameters) -> dict[str, str]:
    """Return `section.key…` → text for everything that steers the first four stages.

    Options of estimators that were not chosen have no effect and are left out. The gates are left out too: they judge
    a run and may change afterwards, and MLflow's parameters cannot.
    """
    content = parameters.model_dump(mode="json", exclude={"model_registration"})
    training = content["model_training"]
    training["estimators"] = {training["estimator"]: training["estimators"][training["estimator"]]}
    return {stored_name(path): shortened(_text(value), LONGEST_PARAMETER) for path, value in _parameter_leaves(content)}


def flat_metrics(metrics: Mapping[str, Any]) -> FlatMetrics:
    """Return every measurement and plain number of the metric files, by dotted path; lists are left out."""
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for path, leaf in _measured_leaves(metrics):
        name = stored_name(path)
        if not isinstance(leaf, Mapping):
            values[name] = float(leaf)
        elif leaf["value"] is None:
            undefined[name] = str(leaf.get("undefined", ""))
        else:
            bounds = {f"{name}_{end}": leaf[end] for end in ("lower", "upper") if leaf.get(end) is not None}
            values |= {key: float(number) for key, number in {name: leaf["value"], **bounds}.items()}
    return FlatMetrics(values, undefined)


def stored_name(path: str) -> str:
    """Return a name that MLflow accepts: `×` becomes x, any other unusual character an underscore."""
    return FORBIDDEN_IN_NAMES.sub("_", path.replace("×", "x"))[:LONGEST_NAME]


def _parameter_leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _parameter_leaves(value, f"{path}.")
        else:
            yield path, value


def _measured_leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if "value" in value and "n" in value:
                yield path, value
            elif key not in NOT_METRICS:
                yield from _measured_leaves(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
