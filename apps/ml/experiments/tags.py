"""The names under which facts are tagged on runs and on versions; what reads the registry relies on them."""

from apps.ml.tracking_address import BASIS_TAG, EVIDENCE_TAG

FINGERPRINT = "fairmind.fingerprint"
EVIDENCE = EVIDENCE_TAG
BASIS = BASIS_TAG

VERDICT = "fairmind.verdict"
GATE = "fairmind.gate:"
"""Prefix: gate → its verdict."""

GUARD = "fairmind.guard:"
POLICY = "fairmind.policy:"
"""Prefixes as for gates."""

COMPARISON = "fairmind.champion_comparison"
"""What the comparison with the champion said; `none` where there was no champion."""

COMPARED_WITH = "fairmind.compared_with"
"""Number of the version that was champion when the comparison was made."""

COMMIT = "fairmind.commit"
DIRTY = "fairmind.dirty"
"""Whether code or parameters differed from the commit; the pipeline's own outputs do not count."""

LOCK = "fairmind.dvc_lock"
"""sha256 over the entries of the first four stages in dvc.lock."""

DATA = "fairmind.data"
SOURCE = "fairmind.source"
DATASET = "fairmind.dataset"
OUTPUT = "dvc.md5:"
"""Prefix: path of an output → its digest in dvc.lock."""

EXPERIMENT = "dvc.experiment:"
"""Prefix: name of a DVC experiment that arrived at this run → the commit it started from."""

FIRST_EXPERIMENT = "fairmind.experiment"
MODEL = "fairmind.model_id"
UNDEFINED = "fairmind.undefined"
COMPLETE = "fairmind.complete"
"""Set last: a run without it ended half-way and is not used."""

ENVIRONMENT = "fairmind.environment:"
REASON = "fairmind.promotion_reason"
OVERRIDE = "fairmind.promotion_override"
ROLLED_BACK = "fairmind.rolled_back"
HISTORY = "fairmind.champions"
"""On the registered model: the versions that were champion, oldest first, the present one last."""

MLFLOW_NOTE = "mlflow.note.content"
MLFLOW_COMMIT = "mlflow.source.git.commit"
MLFLOW_SOURCE, MLFLOW_SOURCE_TYPE = "mlflow.source.name", "mlflow.source.type"
PARENT = "mlflow.parentRunId"
"""Names under which MLflow's own pages show what a run is, and below which other run they list it."""

LONGEST_VALUE = 5000
"""Characters of a tag that every MLflow store accepts."""

CANDIDATE_ALIAS = "candidate"
CHAMPION_ALIAS = "champion"


def shortened(text: str, limit: int = LONGEST_VALUE) -> str:
    """Return the text, cut with a mark where a store would refuse it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
