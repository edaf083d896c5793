"""Whether the parts of a bundle belong together, once each of them is sound by itself."""

from typing import Any

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.errors import BundleError
from apps.ml.models.bundle_info import REPAIR, BundleInfo
from apps.ml.models.outputs import scale_of
from apps.ml.models.parts.part import Adjustment


def require_fitting(info: BundleInfo, transformer: Any, estimator: Any, adjustment: Adjustment | None) -> None:
    """Refuse parts of which one takes, gives or needs something else than another.

    Raises
    ------
    BundleError
        The message names what does not fit.
    """
    features = len(info.feature_names) - (info.group is not None)
    given = tuple(transformer.feature_names_)
    _require(given == info.feature_names[:features], f"the transformer gives {len(given)} other encoded features")
    known = {column.name for column in info.columns}
    _require(set(transformer.column_names_) <= known, "the transformer takes columns that a request does not hold")
    _require_estimator(info, estimator, features)
    _require_adjustment(info, estimator, adjustment)


def _require_estimator(info: BundleInfo, estimator: Any, features: int) -> None:
    kind, width = type(estimator).__name__, getattr(estimator, "n_features_in_", None)
    expected = features + takes_group(estimator)
    _require(width == expected, f"the estimator, a {kind}, takes {width} encoded features, not {expected}")
    predicts_numbers = scale_of(estimator) == "value"
    _require(
        predicts_numbers == (info.task != CLASSIFICATION),
        f"the estimator, a {kind}, {'predicts numbers' if predicts_numbers else 'predicts no numbers'}",
    )


def _require_adjustment(info: BundleInfo, estimator: Any, adjustment: Adjustment | None) -> None:
    numeric = info.task != CLASSIFICATION
    _require(adjustment is None or not numeric, "there is an adjustment, and a numeric label has no decisions")
    needs_group = adjustment is not None and adjustment.needs_group
    _require(not needs_group or info.group is not None, "the adjustment needs a group, and 'group' names none")
    looked_at = needs_group or takes_group(estimator)
    _require(info.group is None or looked_at, "'group' names groups that no part of the bundle looks at")
    draws = adjustment is not None and adjustment.randomised
    _require(draws == info.randomised, "'randomised' is not what the adjustment says")
    common = getattr(adjustment, "threshold", info.threshold)
    _require(common == info.threshold, "the adjustment was made for another threshold")


def takes_group(estimator: Any) -> bool:
    """Whether the group's code is the last feature that the estimator itself takes."""
    return bool(getattr(estimator, "takes_group", False))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BundleError(f"model.json and the parts of the bundle do not belong together: {otherwise}. {REPAIR}")
