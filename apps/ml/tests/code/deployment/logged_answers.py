"""Answers of a bundle in a folder, as a server would have logged them."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.features.request_frame import frame_from_records
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, VersionEntry
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.tests.code.prediction_log.conftest import write_all


def served_version(model: ServedModel) -> VersionEntry:
    info = model.bundle.info
    columns = [ColumnEntry(column.name, column.kind, column.name == "purpose") for column in info.columns]
    return VersionEntry(
        model.bundle_digest, 1, model.name, None, model.address, None, info.threshold, model.scorer.name, columns
    )


def log_answers(engine: Engine, root: Path, folder: Path, rows: list[dict[str, Any]], shift: float = 0.0) -> list[str]:
    """Log answers to rows, moved by `shift`; return their names."""
    model = FolderSource(folder).load()
    answers = model.scorer.answers(frame_from_records(rows, model.bundle.info.columns))
    assert answers.decisions is not None
    scores = np.asarray(answers.scores) + shift
    call = new_call()
    entry = AnswerEntry(
        call,
        2,
        model.bundle_digest,
        None,
        "predict",
        None,
        None,
        None,
        "instances",
        json.dumps({"instances": rows}).encode(),
        struct.pack(f"<{len(rows)}d", *scores),
        bytes(int(one) for one in answers.decisions),
    )
    write_all(engine, root, served_version(model), entry)
    return prediction_ids(call, len(rows))
