"""The mitigations that can be chosen: one entry each.

Adding one: declare its options in apps.ml.parameters.mitigation and add one entry here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.models.mitigation.blind_post_processing import blind_post_processed
from apps.ml.models.mitigation.correlation_remover import correlation_removed
from apps.ml.models.mitigation.entry import ALL_CONSTRAINTS, MitigationEntry
from apps.ml.models.mitigation.exponentiated_gradient import exponentiated_gradient
from apps.ml.models.mitigation.fair_boosting import fair_boosted
from apps.ml.models.mitigation.grid_search import grid_searched
from apps.ml.models.mitigation.group_thresholds import group_thresholded
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest
from apps.ml.models.mitigation.resampling import resampled
from apps.ml.models.mitigation.reweighing import reweighed
from apps.ml.models.mitigation.threshold_optimizer import threshold_optimized


def _unmitigated(request: MitigationRequest) -> Mitigated:
    return Mitigated.of(request.fit(request.train, request.validation))


MITIGATIONS: Mapping[str, MitigationEntry] = MappingProxyType(
    {
        "none": MitigationEntry("None", "before", _unmitigated, tasks=(CLASSIFICATION, REGRESSION)),
        "reweighing": MitigationEntry("Reweighing", "before", reweighed, needs_weights=True),
        "resampling": MitigationEntry("Resampling", "before", resampled),
        "correlation_remover": MitigationEntry(
            "Correlation removal", "before", correlation_removed, needs_sensitive_at_prediction=True
        ),
        "exponentiated_gradient": MitigationEntry(
            "Exponentiated gradient",
            "during",
            exponentiated_gradient,
            randomised=True,
            needs_weights=True,
            constraints=ALL_CONSTRAINTS,
        ),
        "grid_search": MitigationEntry(
            "Grid search",
            "during",
            grid_searched,
            needs_weights=True,
            constraints=(*ALL_CONSTRAINTS, "bounded_group_loss"),
            tasks=(CLASSIFICATION, REGRESSION),
        ),
        "threshold_optimizer": MitigationEntry(
            "Threshold optimizer",
            "after",
            threshold_optimized,
            needs_sensitive_at_prediction=True,
            randomised=True,
            constraints=ALL_CONSTRAINTS,
        ),
        "group_thresholds": MitigationEntry(
            "Group thresholds",
            "after",
            group_thresholded,
            needs_sensitive_at_prediction=True,
            constraints=ALL_CONSTRAINTS,
        ),
        "blind_post_processing": MitigationEntry(
            "Blind post-processing",
            "after",
            blind_post_processed,
            estimates_sensitive=True,
            constraints=ALL_CONSTRAINTS,
        ),
        "fair_boosting": MitigationEntry(
            "Fair boosting", "during", fair_boosted, constraints=ALL_CONSTRAINTS, estimators=("lightgbm",)
        ),
    }
)
"""Name in params.yaml → entry."""
