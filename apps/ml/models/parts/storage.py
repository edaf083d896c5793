"""Parts in folders: each kind in files of its own, ensembles as folders of their members.

A folder holds `booster.txt` (LightGBM's text), or `estimator.skops` (scikit-learn), or `part.json` with the `kind` of a
part of our own beside what that part wrote. Nothing that is read runs code from the files: kinds are looked up in the
list below, skops files may only hold the types of the catalogue.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from apps.ml.errors import BundleError
from apps.ml.features.safe_objects import read_object, write_object
from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.additive_model import AdditiveModel
from apps.ml.models.parts.blind_adjustment import BlindAdjustment
from apps.ml.models.parts.boosted_trees import BOOSTER_FILE, BoostedTrees
from apps.ml.models.parts.calibrated import Calibrated
from apps.ml.models.parts.constant import Constant
from apps.ml.models.parts.correlation_removed import CorrelationRemoved
from apps.ml.models.parts.group_thresholds import GroupThresholds
from apps.ml.models.parts.mixture import DrawnMember, Mixture
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.rescaled import Rescaled
from apps.ml.models.parts.stacking import Stacking
from apps.ml.models.parts.threshold_mixture import ThresholdMixture
from apps.ml.models.parts.voting import Voting
from apps.ml.models.parts.xgboost_trees import XGBoostTrees

ESTIMATOR_FILE = "estimator.skops"
PART_FILE = "part.json"

DEEPEST = 6
"""Folders below the outermost one that parts may reach; a mitigated, calibrated ensemble reaches four."""

OWN_PARTS: Mapping[str, Any] = MappingProxyType(
    {
        AdditiveModel.kind: AdditiveModel,
        BlindAdjustment.kind: BlindAdjustment,
        Calibrated.kind: Calibrated,
        Constant.kind: Constant,
        CorrelationRemoved.kind: CorrelationRemoved,
        DrawnMember.kind: DrawnMember,
        GroupThresholds.kind: GroupThresholds,
        Mixture.kind: Mixture,
        Rescaled.kind: Rescaled,
        Stacking.kind: Stacking,
        ThresholdMixture.kind: ThresholdMixture,
        Voting.kind: Voting,
        XGBoostTrees.kind: XGBoostTrees,
    }
)
"""Kind → class of every part of our own that `part.json` may name. A new kind: its import and its line."""


def write_part(folder: Path, part: Any) -> None:
    """Write a fitted estimator or adjustment into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(part, BoostedTrees):
        part.write(folder, write_part)
    elif type(part) in OWN_PARTS.values():
        write_exact_json(folder / PART_FILE, {"kind": part.kind})
        part.write(folder, write_part)
    else:
        write_object(folder / ESTIMATOR_FILE, part)


def read_part(folder: Path, stored_types: Sequence[str], depth: int = 0) -> Any:
    """Read what :func:`write_part` wrote.

    Parameters
    ----------
    stored_types
        The types that a file of scikit-learn's may hold.
    depth
        How many parts this one lies inside.

    Raises
    ------
    BundleError
        The folder holds no part, a kind or type that is not on the list, damaged files or numbers that cannot be, or
        parts lie more than :data:`DEEPEST` deep.
    """
    if depth > DEEPEST:
        raise BundleError(f"{folder} lies more than {DEEPEST} parts deep. Train the model again.")

    def read_inner(inner: Path) -> Any:
        return read_part(inner, stored_types, depth + 1)

    if (folder / PART_FILE).exists():
        return _own_part(folder).read(folder, read_inner)
    if (folder / BOOSTER_FILE).exists():
        return BoostedTrees.read(folder, read_inner)
    if (folder / ESTIMATOR_FILE).exists():
        return _of_scikit_learn(folder / ESTIMATOR_FILE, stored_types)
    raise BundleError(
        f"{folder} holds none of {BOOSTER_FILE}, {PART_FILE} and {ESTIMATOR_FILE}. Train the model again."
    )


def _own_part(folder: Path) -> Any:
    kind = read_checked(folder / PART_FILE, ("kind",))["kind"]
    if not isinstance(kind, str) or kind not in OWN_PARTS:
        raise BundleError(
            f"{folder / PART_FILE} names the unknown kind '{kind}'. Use the version of FairMind that wrote it, or "
            "train the model again."
        )
    return OWN_PARTS[kind]


def _of_scikit_learn(path: Path, stored_types: Sequence[str]) -> Any:
    estimator: Any = read_object(path, stored_types)
    if not hasattr(estimator, "predict"):
        raise BundleError(f"{path} holds a {type(estimator).__name__}, no estimator. Train again.")
    return estimator
