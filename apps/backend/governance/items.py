"""From the evidence of a version to the items that a governance store gets: one for each part worth keeping.

| part | tells |
|---|---|
| `gates` | the verdict, and what each gate said |
| `performance` | how good the model is |
| `fairness.<attribute>` | differences and ratios between groups, and each group's rates |
| `explanations` | what the answers rest on, and how far the explanations hold |
| `data` | which rows, from where, with which known faults, and what decisions may depend on |
| `documents` | the digests of the documents, so that a copy can be held against them |
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.backend.governance.numbers import (
    chosen,
    clipped,
    fitted,
    is_measurement,
    lowest_confidence,
    measurement,
    measurements,
)
from apps.backend.upstreams.registry_answers import GateVerdict, VersionDetails

NAME_PREFIX = "fairmind-"
STATUSES = {"PASS": "passed", "FAIL": "failed", "INCONCLUSIVE": "inconclusive"}
NOT_JUDGED = "recorded"
WORST_FIRST = ("FAIL", "INCONCLUSIVE", "PASS")
LONGEST_TITLE = 300
GROUP_RATES = (
    "favourable_rate",
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "accuracy",
    "mean_error",
)
DATA_FACTS = (
    "dataset",
    "title",
    "split",
    "rows",
    "source_digest",
    "source_kind",
    "licence",
    "known_faults",
    "attributes",
)


@dataclass(frozen=True)
class Part:
    """One part of the evidence. `prefix`: what gates call its measurements by; `is_estimated`: its numbers can err."""

    name: str
    title: str
    kind: str
    facts: Mapping[str, Any]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    prefix: str | None = None
    is_estimated: bool = True


@dataclass(frozen=True)
class Item:
    """A part as the store gets it."""

    name: str
    part: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Destination:
    """Whose item it is and where it goes."""

    organisation: str
    system_id: str
    control_id: str | None
    sent_by: str


def items_of(
    version: VersionDetails, record: Mapping[str, Any], documents: Mapping[str, Any], to: Destination
) -> list[Item]:
    """Return the items of a version.

    Parameters
    ----------
    record
        The evidence, whose digest was proved.
    documents
        Name → title, media type, bytes and sha256 of each document.
    """
    digest = str(record["digest"])
    parts = [
        _gates(version),
        *_measured(record),
        *_fairness(record),
        _data(record),
        Part("documents", "digests of its documents", "document_digests", {}, documents, is_estimated=False),
    ]
    return [_item(part, version, digest, to) for part in parts]


def item_name(to: Destination, digest: str, part: str) -> str:
    """Return the name of an item: the same for the same part of the same evidence at the same place."""
    place = [to.organisation, to.system_id, to.control_id, digest, part]
    text = json.dumps(place, separators=(",", ":"), ensure_ascii=True)
    return NAME_PREFIX + hashlib.sha256(text.encode("ascii")).hexdigest()


def _item(part: Part, version: VersionDetails, digest: str, to: Destination) -> Item:
    name = item_name(to, digest, part.name)
    facts = {
        "name": name,
        "part": part.name,
        "organisation": to.organisation,
        "model": version.model,
        "version": version.version,
        "evidence": digest,
        "verdict": version.verdict,
        "run_id": clipped(version.run_id),
        "commit": clipped(version.commit),
        "dataset": clipped(version.dataset),
        **part.facts,
    }
    body: dict[str, Any] = {
        "evidence_type": part.kind,
        "title": f"{version.model} version {version.version}: {part.title}"[:LONGEST_TITLE],
        "source": f"fairmind:{version.model}/{version.version}",
        "content": fitted(facts, part.numbers),
        "status": _status(part, version),
        "uploaded_by": to.sent_by,
        "captured_at": version.created_at.isoformat(),
    }
    if to.control_id is not None:
        body["control_id"] = to.control_id
    if part.is_estimated:
        body["confidence"] = lowest_confidence(body["content"]) or 0.0
    return Item(name, part.name, body)


def _status(part: Part, version: VersionDetails) -> str:
    """Return the verdict of the gates that judge this part; of the part `gates`, that of the version."""
    if part.name == "gates":
        return STATUSES[version.verdict]
    said = {verdict for gate in version.judged.values() for verdict in _verdicts(gate, part.prefix)}
    return next((STATUSES[verdict] for verdict in WORST_FIRST if verdict in said), NOT_JUDGED)


def _verdicts(gate: GateVerdict, prefix: str | None) -> list[str]:
    if prefix is None:
        return []
    return [
        str(found["verdict"])
        for path, found in gate.measurements.items()
        if path.startswith(f"{prefix}.") and isinstance(found, Mapping) and "verdict" in found
    ]


def _gates(version: VersionDetails) -> Part:
    numbers = {name: clipped(gate.model_dump(mode="json", exclude={"name"})) for name, gate in version.judged.items()}
    return Part("gates", "what its gates said", "gate_verdicts", {"reason": clipped(version.reason)}, numbers)


def _measured(record: Mapping[str, Any]) -> list[Part]:
    parts = []
    performance = _mapping(record.get("performance"))
    if performance:
        facts = chosen(performance, ("rows", "threshold", "positive_name", "favourable"))
        numbers = measurements(performance)
        parts.append(Part("performance", "performance", "performance_metrics", facts, numbers, "performance"))
    explained = _mapping(record.get("explainability"))
    if explained:
        facts = chosen(explained, ("method", "output", "rows", "additivity_error"))
        numbers = {
            **{f"lime.{name}": value for name, value in measurements(explained.get("lime")).items()},
            **{f"importance.{name}": value for name, value in measurements(explained.get("importance")).items()},
        }
        parts.append(Part("explanations", "explanations", "explanation_quality", facts, numbers, "explainability"))
    return parts


def _fairness(record: Mapping[str, Any]) -> list[Part]:
    found = _mapping(record.get("fairness"))
    return [_attribute(str(name), content) for name, content in found.items() if isinstance(content, Mapping)]


def _attribute(attribute: str, content: Mapping[str, Any]) -> Part:
    numbers = measurements(content)
    for group, rates in _mapping(content.get("groups")).items():
        if isinstance(rates, Mapping):
            told = {name: measurement(rates[name]) for name in GROUP_RATES if is_measurement(rates.get(name))}
            numbers[f"groups.{group}"] = {**chosen(rates, ("n", "judged")), **told}
    name = f"fairness.{attribute}"
    return Part(name, f"fairness by {attribute}", "fairness_metrics", {"attribute": attribute}, numbers, name)


def _data(record: Mapping[str, Any]) -> Part:
    facts = {
        "data": chosen(record.get("data"), DATA_FACTS),
        "policy": clipped(record.get("policy")),
        "decision": clipped(record.get("decision")),
    }
    title, kind = "the data it was measured on", "data_provenance"
    return Part("data", title, kind, facts, prefix="data_quality", is_estimated=False)


def _mapping(content: object) -> Mapping[str, Any]:
    return content if isinstance(content, Mapping) else {}
