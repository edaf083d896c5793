"""An audit as one JSON object for programs: what `fairmind audit --json` prints and the evidence service answers."""

from typing import Any

from apps.ml.evaluation.audit.assessment import Audit


def audit_answer(done: Audit) -> dict[str, Any]:
    """Return verdict (None without gates), digest of the record, performance, fairness, counts and gates."""
    record = done.record
    gates = record["gates"]
    return {
        "verdict": None if gates is None else gates["verdict"],
        "exit_code": done.exit_code,
        "rows": record["data"]["rows"]["audited"],
        "evidence": record["digest"],
        "notes": record["data"]["notes"],
        "performance": record["performance"],
        "fairness": record["fairness"],
        "counts": record["counts"],
        "gates": gates,
    }
