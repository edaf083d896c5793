"""The fairness evidence profile of an AI bill of materials: what is known, and in which state that knowledge is.

The layout is FairMind's AIBOM fairness evidence profile, version 0.1.0, so that the product takes it as it takes those
of other tools. Every state follows from a rule of :mod:`~apps.ml.evaluation.documents.bills.aibom_controls`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.ml.evaluation.documents.bills.aibom_components import COMPONENTS, component_of
from apps.ml.evaluation.documents.bills.aibom_controls import NOTHING_KNOWN, UNPROVEN_STATES, Control, Facts, controls
from apps.ml.evaluation.documents.bills.aibom_risks import (
    UNDATED,
    is_reviewed,
    key_risks,
    moment,
    risks,
    severity,
    simulated,
)
from apps.ml.evaluation.documents.bills.ml_bom import serial_number

PROFILE_VERSION = "0.1.0"


def render_aibom(record: Mapping[str, Any], facts: Facts = NOTHING_KNOWN) -> str:
    """Return the profile as JSON; the same record and facts give the same bytes."""
    every = controls(record, facts)
    present = [name for name in COMPONENTS if name != "model" or record["model"] is not None]
    components = [
        component_of(name, record, facts, [one for one in every if one.component == name]) for name in present
    ]
    content = {
        "profile_id": f"fairmind-ml-{record['digest'][:12]}",
        "profile_version": PROFILE_VERSION,
        "bom_ref": serial_number(record),
        "system_name": record["data"]["title"],
        "system_domain": "decisions about people",
        "generated_at": moment(facts.dated),
        "fairmind_context": {
            "platform_name": "FairMind",
            "generation_mode": "synthetic_fixture" if simulated(record) else "fairmind_runtime_export",
            "source_services": [{"path": "evidence.json", "role": "evidence record, named by its digest"}],
            "evidence_boundary": f"Everything follows from the evidence record {record['digest']}.",
        },
        "components": components,
        "risk_summary": risks(every, [severity(record, facts)], key_risks(record)),
        "review_summary": _review(record, facts, every),
        "limitations": list(_limitations(record, facts)),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def _review(record: Mapping[str, Any], facts: Facts, every: Sequence[Control]) -> dict[str, Any]:
    pending = [f"{one.name}: {one.why}" for one in every if one.state in UNPROVEN_STATES]
    reviewed = is_reviewed(record, facts)
    return {
        "status": "accepted" if reviewed and not pending else "review_required",
        "reviewer": facts.reviewer if reviewed else None,
        "reviewed_at": moment(facts.dated) if reviewed and facts.dated else None,
        "notes": "Signed for this digest." if reviewed else "Nobody has signed this digest.",
        "pending_actions": pending,
    }


def _limitations(record: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    yield "What is missing, unknown, stale or simulated is an unknown risk, not a low one."
    yield "A state says whether evidence exists and for what, not whether the outcomes are fair."
    if facts.dated is None:
        yield f"No time was handed in; {UNDATED} stands for it."
    if simulated(record):
        yield "The rows were made up by a generator; no review makes them evidence about people."
