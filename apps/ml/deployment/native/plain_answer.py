"""The bytes of an answer, put together from what is constant per version and what each row brings."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from apps.ml.deployment.answering.desk import Answered
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import FairMindError
from apps.ml.prediction_log.identifiers import prediction_ids

_ENCODER = msgspec.json.Encoder()


class _Row(msgspec.Struct, gc=False):
    id: str
    score: float
    decision: int | None
    threshold: float | None


class _ExplainedRow(_Row, gc=False):
    explanation: Mapping[str, Any]


class AnswerWriter:
    """Writes the answers of one version, as JSON in the shape of `schemas.PredictionAnswer`."""

    def __init__(self, model: ServedModel) -> None:
        head = {"model": model.name, "version": model.version, "evidence": model.evidence}
        self._head = json.dumps(head, ensure_ascii=False)[:-1].encode() + b', "predictions": '
        threshold = self._threshold = model.bundle.info.threshold
        number = "null" if threshold is None else repr(float(threshold))
        self._tails = {
            decision: f', "decision": {"null" if decision is None else decision}, "threshold": {number}}}'
            for decision in (None, 0, 1)
        }

    def one(self, call: bytes, score: float, decision: int | None) -> bytes:
        """Return the answer to a call of one row."""
        if not math.isfinite(score):
            raise _unusable()
        row = f'[{{"id": "{prediction_ids(call, 1)[0]}", "score": {score!r}{self._tails[decision]}]}}'
        return self._head + row.encode()

    def many(self, answered: Answered, explanations: Sequence[Mapping[str, Any]] | None = None) -> bytes:
        """Return the answer to a call of any number of rows, each with its explanation where there are some."""
        scores = answered.scores.tolist()
        if not all(map(math.isfinite, scores)):
            raise _unusable()
        decisions = [None] * len(scores) if answered.decisions is None else answered.decisions.tolist()
        threshold, ids = self._threshold, answered.ids
        if explanations is None:
            plain = [_Row(*row, threshold) for row in zip(ids, scores, decisions, strict=True)]
            return self._head + _ENCODER.encode(plain) + b"}"
        columns = zip(ids, scores, decisions, explanations, strict=True)
        rows = [_ExplainedRow(name, score, decision, threshold, one) for name, score, decision, one in columns]
        return self._head + _ENCODER.encode(rows) + b"}"


def _unusable() -> FairMindError:
    return FairMindError("a score is not finite. Serve another version of the model and look at this one's evidence.")
