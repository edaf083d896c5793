"""The desk: every protocol hands its rows over here and gets answers that were checked, scored and written down."""

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.deployment.answering.call_log import CallLog
from apps.ml.deployment.answering.logged_rows import rows_json, values_json
from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.observation.tracing import STAGES
from apps.ml.deployment.requests.caller import Asked
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.versions.chosen import Chooser, Chosen
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.models.bundle import Answers
from apps.ml.prediction_log.entries import AnswerEntry, InputsForm
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.prediction_log.journal import LogFullError
from apps.ml.prediction_log.subjects import subject_digest

FLOAT64 = struct.Struct("<d")
DECISION_BYTES = (b"\x00", b"\x01")


@dataclass(frozen=True, slots=True)
class Answered:
    """Scores float64 [n], decisions int8 [n] or None, and the name of the call; as the rows."""

    chosen: Chosen
    call: bytes
    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.int8] | None

    @property
    def model(self) -> ServedModel:
        """The version that answered."""
        return self.chosen.model

    @property
    def answers(self) -> Answers:
        """Scores and decisions as the scorer gave them."""
        return Answers(self.scores, self.decisions)

    @property
    def ids(self) -> list[str]:
        """The names of the predictions, as the rows."""
        return prediction_ids(self.call, len(self.scores))


class Desk:
    """Chooses, scores and writes down."""

    def __init__(self, chooser: Chooser, log: CallLog, meter: Meter | None = None) -> None:
        self.chooser = chooser
        self.log = log
        self.meter = meter or Meter()

    def choose(self, asked: Asked) -> Chosen:
        """See :meth:`Chooser.choose`."""
        return self.chooser.choose(asked)

    def answer_frame(self, chosen: Chosen, frame: pd.DataFrame) -> Answered:
        """Answer the rows of a typed frame that fits the signature, as `features.request_frame` makes it.

        Raises
        ------
        RefusalError
            503 where the answer could not be written down.
        """
        start = time.perf_counter()
        answers = chosen.model.scorer.answers(frame)
        self._note("score", chosen.model, start)
        return self._written(chosen, answers, "rows", rows_json(frame, chosen.model.bundle.info.columns))

    def answer_rows(self, chosen: Chosen, rows: Sequence[Sequence[Value]], body: bytes) -> Answered:
        """Answer rows of values that fit; `body` is the JSON object with `instances` that they came in."""
        start = time.perf_counter()
        answers = chosen.model.scorer.score_rows(rows)
        self._note("score", chosen.model, start)
        return self._written(chosen, answers, *_kept(chosen, rows, body))

    def answer_row(self, chosen: Chosen, values: Sequence[Value], body: bytes) -> tuple[bytes, float, int | None]:
        """Answer one row of values that fit: the name of the call, score and decision; the way that costs least."""
        start = time.perf_counter()
        score, decision = chosen.model.scorer.score_row(values)
        self._note("score", chosen.model, start)
        call = new_call()
        decisions = None if decision is None else DECISION_BYTES[decision]
        form, inputs = _kept(chosen, (values,), body)
        self._write(chosen, call, form, inputs, FLOAT64.pack(score), decisions)
        return call, score, decision

    def answer_single(self, chosen: Chosen, rows: Sequence[Sequence[Value]], body: bytes) -> Answered:
        """As :meth:`answer_rows`, of one row, by :meth:`answer_row`."""
        call, score, decision = self.answer_row(chosen, rows[0], body)
        decisions = None if decision is None else np.array([decision], dtype=np.int8)
        return Answered(chosen, call, np.array([score]), decisions)

    def _written(self, chosen: Chosen, answers: Answers, form: InputsForm, inputs: bytes) -> Answered:
        call = new_call()
        scores = np.ascontiguousarray(answers.scores, dtype="<f8").tobytes()
        decisions = None if answers.decisions is None else np.ascontiguousarray(answers.decisions, np.int8).tobytes()
        self._write(chosen, call, form, inputs, scores, decisions)
        return Answered(chosen, call, answers.scores, answers.decisions)

    def _note(self, stage: str, model: ServedModel, start: float) -> None:
        seconds = time.perf_counter() - start
        self.meter.stage(stage, model.name, model.version, seconds)
        stages = STAGES.get()
        if stages is not None:
            stages.append((stage, start, seconds))

    def _write(
        self, chosen: Chosen, call: bytes, form: InputsForm, inputs: bytes, scores: bytes, decisions: bytes | None
    ) -> None:
        start = time.perf_counter()
        model, asked, caller = chosen.model, chosen.asked, chosen.asked.caller
        entry = AnswerEntry(
            call,
            time.time_ns() // 1000,
            model.bundle_digest,
            chosen.arm,
            asked.route,
            caller.key,
            subject_digest(asked.subject),
            caller.request,
            form,
            inputs,
            scores,
            decisions,
        )
        try:
            self.log.append(entry)
        except LogFullError:
            message = (
                "The prediction log has no room, and no answer is given that is not written down. Try again later."
            )
            headers = {"Retry-After": "5"}
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "log_full", message, headers=headers) from None
        self._note("log", model, start)
        self.meter.answered(model.name, model.version, chosen.arm, asked.route, len(scores) // FLOAT64.size)


def _kept(chosen: Chosen, rows: Sequence[Sequence[Value]], body: bytes) -> tuple[InputsForm, bytes]:
    """What the journal keeps of a JSON request: its body as it came, or its rows alone where it names a subject."""
    if chosen.asked.subject is None:
        return "instances", body
    return "rows", values_json(rows)
