"""What a bundle says about itself, in its file `model.json`, and whether that can be."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from apps.ml.data.processed import CLASSIFICATION, ColumnSchema, Task, column_from_dict
from apps.ml.errors import BundleError
from apps.ml.models import bundle_files
from apps.ml.models.group_input import GroupInput

MODEL_FILE = "model.json"
REPAIR = "Train the model again or fetch its bundle again."
ABOVE_ONE = float(np.nextafter(1.0, 2.0))
"""The threshold that no score reaches."""


@dataclass(frozen=True)
class MitigationInfo:
    """What was done about gaps between groups: the chosen method, what it aimed at, and what it found (JSON-ready)."""

    method: str
    attribute: str
    constraint: str
    tolerance: float
    estimates_sensitive: bool = False
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BundleInfo:
    """What a bundle says about itself.

    `columns` are the input columns in the order of a request; `feature_sources` names the input column of each encoded
    feature. `rounds` counts the rounds of an estimator that grows, else None. `converged` is False when an iterative
    fit stopped at its limit. `needs_sensitive_at_prediction` and `randomised` tell the server what decisions depend on.
    `task` regression: scores are predicted values, there are no decisions, `threshold` is None and its rule empty,
    `favourable` tells whether a high (`positive`) or a low value is good for the person. `group`: the attribute that
    decisions need; its column is the last of `columns`, its code the last of the encoded features. `monotone`: input
    column → direction of the score.
    """

    dataset: str
    title: str
    estimator: str
    threshold: float | None
    threshold_rule: str
    favourable: Literal["positive", "negative"]
    positive_name: str
    negative_name: str
    columns: tuple[ColumnSchema, ...]
    feature_names: tuple[str, ...]
    feature_sources: tuple[str, ...]
    uses_sensitive: bool
    rounds: int | None
    training_rows: int
    needs_sensitive_at_prediction: bool = False
    randomised: bool = False
    converged: bool = True
    task: Task = CLASSIFICATION
    group: GroupInput | None = None
    mitigation: MitigationInfo | None = None
    monotone: Mapping[str, str] = field(default_factory=dict)
    calibration: str = "none"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "BundleInfo":
        """Inverse of :meth:`to_dict`."""
        values = dict(content)
        values["columns"] = tuple(column_from_dict(column) for column in values["columns"])
        values["feature_names"] = tuple(values["feature_names"])
        values["feature_sources"] = tuple(values["feature_sources"])
        if values.get("group") is not None:
            values["group"] = GroupInput(values["group"]["attribute"], tuple(values["group"]["groups"]))
        if values.get("mitigation") is not None:
            values["mitigation"] = MitigationInfo(**values["mitigation"])
        return BundleInfo(**values)


def read_model_file(folder: Path) -> BundleInfo:
    """Read `model.json` and check it; its digest is not looked at.

    Raises
    ------
    BundleError
        A field is missing, unknown or of the wrong type, or two fields contradict each other.
    """
    try:
        info = BundleInfo.from_dict(bundle_files.read_exact_json(folder / MODEL_FILE))
        info = _adapter().validate_python(info.to_dict())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{MODEL_FILE}: '{key}' {first['msg']}. {REPAIR}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{MODEL_FILE} lacks or has unknown fields: {error}. Train the model again.") from error
    _require_sound(info)
    return info


@cache
def _adapter() -> TypeAdapter[BundleInfo]:
    return TypeAdapter(BundleInfo)


def _require_sound(info: BundleInfo) -> None:
    names = [column.name for column in info.columns]
    _require(len(set(names)) == len(names), "columns", "different columns")
    _require(len(info.feature_sources) == len(info.feature_names), "feature_sources", "one per encoded feature")
    if info.task == CLASSIFICATION:
        decides = info.threshold is not None and 0.0 <= info.threshold <= ABOVE_ONE
        _require(decides, "threshold", "a number from 0 to just above 1")
    else:
        _require(info.threshold is None, "threshold", "null, as a numeric label needs it")
        _require(not info.threshold_rule, "threshold_rule", "empty, as a numeric label needs it")
    needed = info.needs_sensitive_at_prediction == (info.group is not None)
    _require(needed, "needs_sensitive_at_prediction", "what `group` says")
    if info.group is not None:
        _require_group(info, info.group)


def _require_group(info: BundleInfo, group: GroupInput) -> None:
    name = group.column_name
    different = 0 < len(group.groups) == len(set(group.groups))
    _require(different, "group", "an attribute with different groups")
    _require(info.columns[-1:] == (group.column,), "columns", f"columns of which the last is '{name}' with its groups")
    last = (info.feature_names[-1:], info.feature_sources[-1:])
    _require(last == ((name,), (name,)), "feature_names", f"names of which the last is '{name}'")


def _require(holds: bool, key: str, expected: str) -> None:
    if not holds:
        raise BundleError(f"{MODEL_FILE}: '{key}' is not {expected}. {REPAIR}")
