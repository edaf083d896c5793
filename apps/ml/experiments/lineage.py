"""The way back from a version: run, commit, data, evidence, gates."""

import json
import tempfile
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments import tags
from apps.ml.experiments.registry import Version
from apps.ml.experiments.run_writing import REGISTRATION_FILE
from apps.ml.experiments.runs import experiment_names
from apps.ml.experiments.tracking import TrackingStore

MODELS = ArtifactPaths().bundle.parent.as_posix()


def lineage_of(store: TrackingStore, version: Version) -> dict[str, Any]:
    """Return everything that leads from a version back to its origin, ready for JSON."""
    run = store.client.get_run(version.run_id)
    facts = run.data.tags
    outputs = {name.removeprefix(tags.OUTPUT): digest for name, digest in facts.items() if name.startswith(tags.OUTPUT)}
    return {
        "model": version.name,
        "version": version.number,
        "aliases": list(version.aliases),
        "run_id": version.run_id,
        "experiments": experiment_names(run),
        "commit": facts.get(tags.COMMIT),
        "dirty": facts.get(tags.DIRTY) == "true",
        "dvc_lock": facts.get(tags.LOCK),
        "data": {"processed": facts.get(tags.DATA), "source": facts.get(tags.SOURCE), "rows": _inputs(run)},
        "bundle": next((digest for path, digest in sorted(outputs.items()) if path.startswith(MODELS)), None),
        "outputs": outputs,
        "evidence": version.tags.get(tags.EVIDENCE),
        "explanation_basis": version.tags.get(tags.BASIS),
        "fingerprint": version.tags.get(tags.FINGERPRINT),
        "verdict": version.verdict,
        "gates": gates_of_run(store, version.run_id),
        "promotion": {
            "reason": version.tags.get(tags.REASON),
            "overridden_verdict": version.tags.get(tags.OVERRIDE),
            "rolled_back": version.tags.get(tags.ROLLED_BACK),
            "champion_comparison": version.tags.get(tags.COMPARISON),
            "compared_with": version.tags.get(tags.COMPARED_WITH),
        },
    }


def gates_of_run(store: TrackingStore, run_id: str) -> dict[str, Any]:
    """Return gate → verdict, reason and measurements, as the run's registration.json says."""
    return dict(registration_of_run(store, run_id)["gates"])


def registration_of_run(store: TrackingStore, run_id: str) -> dict[str, Any]:
    """Return the registration.json that was published with a run."""
    with tempfile.TemporaryDirectory(prefix="fairmind-registration-") as folder:
        path = store.client.download_artifacts(run_id, REGISTRATION_FILE, folder)
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def _inputs(run: Any) -> dict[str, dict[str, Any]]:
    """Return split → digest and number of rows of the data set inputs."""
    return {
        entry.dataset.name.rpartition(" ")[2]: {
            "digest": entry.dataset.digest,
            "rows": json.loads(entry.dataset.profile or "{}").get("num_rows"),
        }
        for entry in run.inputs.dataset_inputs
    }
