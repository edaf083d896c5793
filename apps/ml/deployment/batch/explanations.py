"""Explanations beside scores: those that the server gives, one JSON text per row."""

import msgspec
import pandas as pd

from apps.ml.deployment.explaining.preparation import explainer_of
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.models.bundle import Answers

ROWS_AT_ONCE = 1_000
"""An explanation in parts takes several times the memory of its text."""


def explanations_of(model: ServedModel, frame: pd.DataFrame, answers: Answers) -> list[str]:
    """Return contributions and principal reasons of each row of a typed frame, in the shape of `/v1/explain`.

    Raises
    ------
    FairMindError
        A file that explanations of this version need is damaged.
    """
    explainer = explainer_of(model)
    encode = msgspec.json.Encoder().encode
    texts: list[str] = []
    for start in range(0, len(frame), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        decisions = None if answers.decisions is None else answers.decisions[some]
        rows = frame.iloc[some].reset_index(drop=True)
        found = explainer.explain_frame(rows, Answers(answers.scores[some], decisions), Wanted())
        texts += [encode(one.to_dict()).decode() for one in found]
    return texts
