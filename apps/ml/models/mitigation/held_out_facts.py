"""What a rule that was calibrated on held-out rows did to them: gap and accuracy before and after, rates by group.

Rates by group tell whether a gap closed because one group was lifted or because another was pushed down. They belong to
the rows that the rule was chosen on and are no measurement of the model.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.cross_fitting import HeldOut
from apps.ml.models.mitigation.gaps import gap, rates
from apps.ml.models.mitigation.request import MitigationRequest

Decisions = npt.NDArray[np.bool_]


def held_out_facts(request: MitigationRequest, rows: HeldOut, before: Decisions, after: Decisions) -> dict[str, Any]:
    """Return `rows`, `compared` rows, `accuracy` and `gap`, those of the decisions `before`, and `groups` with rates.

    `within_tolerance` tells whether the gap on these rows is what was asked for.
    """
    groups, constraint = request.group.groups, request.parameters.constraint
    decided = {"before": before.astype(np.int8), "after": after.astype(np.int8)}
    gaps = {when: gap(constraint, rows.labels, made, rows.codes, len(groups)) for when, made in decided.items()}
    accuracies = {when: float(np.mean(made == rows.labels)) for when, made in decided.items()}
    reached = gaps["after"]
    return {
        "rows": len(rows),
        "compared": int(np.sum(rows.codes >= 0)),
        "accuracy": accuracies["after"],
        "gap": reached,
        "within_tolerance": reached is not None and reached <= request.parameters.tolerance + 1e-9,
        "accuracy_before": accuracies["before"],
        "gap_before": gaps["before"],
        "groups": _by_group(request, rows, decided),
    }


def _by_group(request: MitigationRequest, rows: HeldOut, decided: dict[str, npt.NDArray[np.int8]]) -> dict[str, Any]:
    names = request.group.groups
    found = {when: rates(rows.labels, made, rows.codes, len(names)) for when, made in decided.items()}
    content: dict[str, Any] = {}
    for code, name in enumerate(names):
        own = rows.labels[rows.codes == code]
        content[name] = {"rows": len(own), "positives": int(np.sum(own))}
        for rate in found["after"]:
            pair = {when: float(values[rate][code]) for when, values in found.items()}
            content[name][rate] = {when: None if np.isnan(value) else value for when, value in pair.items()}
    return content
