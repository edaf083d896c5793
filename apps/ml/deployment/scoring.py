"""The one scoring path: whatever protocol a request came by, its rows are scored here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.served_model import ServedModel
from apps.ml.features.request_frame import frame_from_records


@dataclass(frozen=True)
class Scored:
    """Scores float64 [n] and decisions int8 [n] of 0 and 1, None where the model predicts numbers; as the records."""

    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.int8] | None


def score_records(model: ServedModel, records: Sequence[Mapping[str, object]]) -> Scored:
    """Score records against the signature of `model`.

    Raises
    ------
    RequestError
        A record does not fit the signature.
    """
    frame = frame_from_records(records, model.bundle.info.columns)
    answers = model.bundle.answers(frame)
    return Scored(answers.scores, answers.decisions)
