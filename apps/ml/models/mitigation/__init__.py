"""The mitigations that can be chosen: one entry each.

Adding one: declare its options in apps.ml.parameters.mitigation and add one entry here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.models.mitigation.entry import MitigationEntry
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest
from apps.ml.models.mitigation.reweighing import reweighed


def _unmitigated(request: MitigationRequest) -> Mitigated:
    return Mitigated.of(request.fit(request.train, request.validation))


MITIGATIONS: Mapping[str, MitigationEntry] = MappingProxyType(
    {
        "none": MitigationEntry("None", "before", _unmitigated, tasks=(CLASSIFICATION, REGRESSION)),
        "reweighing": MitigationEntry("Reweighing", "before", reweighed, needs_weights=True),
    }
)
"""Name in params.yaml → entry."""
