"""Stage 5: judge the evidence by the rules of params.yaml and publish everything as one complete run.

Reads the metric files, the evidence, the bundle with the basis of its explanations, the schema and dvc.lock; writes
reports/metrics/registration.json and artifacts/05_registration. A gate that fails does not fail the stage: DVC keeps no
experiment whose stage fails. The verdict is written last, after the store has everything, so that a store that does not
answer leaves no verdict. It is about the model by itself: what is judged against the champion depends on the store and
is kept there.
"""

from typing import Any

from apps.ml.artifact_paths import METRICS, ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.evidence import read_evidence
from apps.ml.evaluation.gates.model_judgement import judge_model
from apps.ml.evaluation.gates.summary import registration_summary
from apps.ml.experiments.fingerprint import Fingerprint, fingerprint_of
from apps.ml.experiments.publisher import publish
from apps.ml.files import read_json, write_json
from apps.ml.parameters import read_parameters
from apps.ml.pipelines.stage import run_stage

JUDGED = METRICS[:-1]


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Judge, publish, then write the verdict."""
    parameters = read_parameters(paths.parameters)
    rules, confidence = parameters.model_registration, parameters.model_evaluation.confidence
    judgement = judge_model(rules, _metrics(paths), read_evidence(paths.evidence), confidence)
    fingerprint = fingerprint_of(paths)
    content = registration_summary(judgement, rules)
    registration = {**content, "fingerprint": fingerprint.value}
    publish(paths, registration, fingerprint)
    write_json(paths.publication / "publication.json", _publication_content(paths, fingerprint))
    write_json(paths.metric("registration"), registration)


def _metrics(paths: ArtifactPaths) -> dict[str, Any]:
    missing = [str(paths.metric(name)) for name in JUDGED if not paths.metric(name).exists()]
    if missing:
        raise BadInputError(f"{', '.join(missing)} do not exist. Run `dvc repro`: the earlier stages write them.")
    return {name: read_json(paths.metric(name)) for name in JUDGED}


def _publication_content(paths: ArtifactPaths, fingerprint: Fingerprint) -> dict[str, Any]:
    """What was published, without a run's id or a time: it exists so that DVC publishes where it is missing."""
    return {
        "fingerprint": fingerprint.value,
        "evidence": read_evidence(paths.evidence)["digest"],
        "outputs": dict(fingerprint.outputs),
    }


if __name__ == "__main__":
    run_stage(main)
