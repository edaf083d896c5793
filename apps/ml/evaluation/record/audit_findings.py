"""The evidence record of decisions whose model nobody handed in: put together from what an audit measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.evaluation.record.record_file import require_layout, signed
from apps.ml.evaluation.statistics.shares.rates import Favourable

SOURCE_KIND = "audited_file"


@dataclass(frozen=True)
class AuditedAttribute:
    """One sensitive attribute of the file: its columns (several: an intersection), groups in display order, and the
    bands that numbers were put into, JSON-ready, or None."""

    columns: Sequence[str]
    groups: Sequence[str]
    bands: Any = None


@dataclass(frozen=True)
class AuditFindings:
    """What an audit read and measured, each part as JSON-ready content.

    Parameters
    ----------
    file_name : str
        Of the file; folders are left away.
    file_sha256 : str
    rows : int
        Rows that were measured.
    columns : mapping
        Role → column: `prediction`, and `label`, `score`, `weight` where they were named. Sensitive columns are those
        of `attributes`.
    attributes : mapping
        Name shown → :class:`AuditedAttribute`.
    favourable : "positive" or "negative"
    positive_name, negative_name : str
        The two outcomes in words.
    parameters : mapping
        How it was measured; at least `confidence` and `minimum_group_size`.
    performance, fairness, counts, inference, curves : mappings, as in the record
    gates : mapping or None
    notes : sequence of str
        Whatever else a reader must know: rows left out, values that were mapped.
    threshold : float or None
        Score from which on a decision is 1, where decisions were made from scores.
    """

    file_name: str
    file_sha256: str
    rows: int
    columns: Mapping[str, str]
    attributes: Mapping[str, AuditedAttribute]
    favourable: Favourable
    positive_name: str
    negative_name: str
    parameters: Mapping[str, Any]
    fairness: Mapping[str, Any]
    counts: Mapping[str, Any]
    inference: Mapping[str, Any]
    performance: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
    threshold: float | None = None


def assemble_audit_evidence(audit: AuditFindings) -> dict[str, Any]:
    """Put the record of an audit together, sign it with its digest and check its layout.

    Raises
    ------
    BadInputError
        A part does not have the layout.
    """
    content: dict[str, Any] = {
        "task": CLASSIFICATION,
        "subject": "decisions",
        "model": None,
        "decision": {
            "threshold": audit.threshold,
            "threshold_rule": None,
            "positive_name": audit.positive_name,
            "negative_name": audit.negative_name,
            "favourable": audit.favourable,
        },
        "data": _data(audit),
        "policy": None,
        "parameters": audit.parameters,
        "inference": audit.inference,
        "performance": audit.performance,
        "fairness": audit.fairness,
        "counts": audit.counts,
        "curves": audit.curves,
        "explainability": {},
        "local_explanations": [],
        "truth": {},
        "gates": audit.gates,
        "mitigation": None,
    }
    record = signed(content)
    require_layout(record)
    return record


def _data(audit: AuditFindings) -> dict[str, Any]:
    name = PurePath(audit.file_name).name
    sensitive = dict.fromkeys(column for attribute in audit.attributes.values() for column in attribute.columns)
    used = [_column(column, role, column in sensitive) for role, column in audit.columns.items()]
    used += [_column(column, "sensitive", True) for column in sensitive]
    return {
        "dataset": name,
        "title": name,
        "split": None,
        "rows": {"audited": audit.rows},
        "source_digest": audit.file_sha256,
        "source_kind": SOURCE_KIND,
        "licence": "",
        "known_faults": [],
        "leave_out": {},
        "held_out": [],
        "columns": used,
        "attributes": [
            {"name": name, "columns": list(attribute.columns), "groups": list(attribute.groups)}
            | ({} if attribute.bands is None else {"bands": attribute.bands})
            for name, attribute in audit.attributes.items()
        ],
        "notes": list(audit.notes),
    }


def _column(name: str, role: str, sensitive: bool) -> dict[str, Any]:
    return {"name": name, "kind": None, "role": role, "nullable": None, "sensitive": sensitive, "description": ""}
