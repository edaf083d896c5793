"""Stage 5: judge the evidence by the gates of params.yaml and publish everything as one complete run.

Reads the metric files, the evidence, the bundle, the schema and dvc.lock; writes reports/metrics/registration.json and
artifacts/05_registration. A gate that fails does not fail the stage: DVC keeps no experiment whose stage fails. The
verdict is written last, after the store has everything, so that a store that does not answer leaves no verdict.
"""

from collections.abc import Sequence
from typing import Any

from apps.ml.artifact_paths import METRICS, ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.gates import GateReport, GateResult, judge
from apps.ml.experiments.fingerprint import Fingerprint, fingerprint_of
from apps.ml.experiments.publisher import publish
from apps.ml.experiments.run_writing import read_evidence_digest
from apps.ml.files import read_json, write_json
from apps.ml.parameters import read_parameters
from apps.ml.pipelines.stage import run_stage

SEVERITY = ("FAIL", "INCONCLUSIVE", "PASS")
JUDGED = METRICS[:-1]


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Judge, publish, then write the verdict."""
    gates = read_parameters(paths.parameters).model_registration.gates
    report = judge(gates, _metrics(paths))
    fingerprint = fingerprint_of(paths)
    registration = registration_content(report, fingerprint)
    publish(paths, registration, fingerprint)
    write_json(paths.publication / "publication.json", _publication_content(paths, fingerprint))
    write_json(paths.metric("registration"), registration)


def registration_content(report: GateReport, fingerprint: Fingerprint) -> dict[str, Any]:
    """Return the content of registration.json: the verdict, each gate by name, and counts of gates by verdict."""
    names = dict.fromkeys(result.name for result in report.results)
    gates = {name: _gate([result for result in report.results if result.name == name]) for name in names}
    verdicts = [gate["verdict"] for gate in gates.values()]
    return {
        "verdict": report.verdict,
        "reason": report.reason,
        "passed": verdicts.count("PASS"),
        "failed": verdicts.count("FAIL"),
        "inconclusive": verdicts.count("INCONCLUSIVE"),
        "gates": gates,
        "fingerprint": fingerprint.value,
    }


def _gate(results: Sequence[GateResult]) -> dict[str, Any]:
    """One gate that was applied to one or (by `*`) several measurements: the worst decides."""
    worst = min(results, key=lambda result: SEVERITY.index(result.verdict))
    where = f"{worst.metric}: " if len(results) > 1 else ""
    return {
        "verdict": worst.verdict,
        "reason": f"{where}{worst.reason}",
        "direction": worst.direction,
        "limit": worst.limit,
        "measurements": {result.metric: _measurement(result) for result in results},
    }


def _measurement(result: GateResult) -> dict[str, Any]:
    content = {
        "verdict": result.verdict,
        "reason": result.reason,
        "value": result.value,
        "lower": result.lower,
        "upper": result.upper,
        "rows_to_decide": result.rows_to_decide,
    }
    return {key: value for key, value in content.items() if value is not None}


def _metrics(paths: ArtifactPaths) -> dict[str, Any]:
    missing = [str(paths.metric(name)) for name in JUDGED if not paths.metric(name).exists()]
    if missing:
        raise BadInputError(f"{', '.join(missing)} do not exist. Run `dvc repro`: the earlier stages write them.")
    return {name: read_json(paths.metric(name)) for name in JUDGED}


def _publication_content(paths: ArtifactPaths, fingerprint: Fingerprint) -> dict[str, Any]:
    """What was published, without a run's id or a time: it exists so that DVC publishes where it is missing."""
    return {
        "fingerprint": fingerprint.value,
        "evidence": read_evidence_digest(paths),
        "outputs": dict(fingerprint.outputs),
    }


if __name__ == "__main__":
    run_stage(main)
