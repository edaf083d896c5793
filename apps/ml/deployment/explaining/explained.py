"""Explanations of answers, for every route that gives some."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import pandas as pd

from apps.ml.deployment.explaining.preparation import explainer_of
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.models.bundle import Answers


def explained(
    model: ServedModel,
    frame: pd.DataFrame,
    answers: Answers,
    what: Wanted = Wanted(),  # noqa: B008 (frozen)
) -> list[dict[str, Any]]:
    """Explain answers to the rows of a typed frame; the result is JSON-ready, one explanation per row.

    Its shape is :class:`~apps.ml.deployment.explaining.shapes.ExplanationShape`. Ask :func:`require_explainable` first:
    nothing is refused here.
    """
    return [one.to_dict() for one in explainer_of(model).explain_frame(frame, answers, what)]


def explained_rows(
    model: ServedModel,
    rows: Sequence[Sequence[Value]],
    answers: Answers,
    what: Wanted = Wanted(),  # noqa: B008
) -> list[dict[str, Any]]:
    """Explain answers to rows of values that fit the columns, as :func:`explained`."""
    return [one.to_dict() for one in explainer_of(model).explain_rows(rows, answers, what)]


def require_explainable(model: ServedModel, rows: int, what: Wanted) -> None:
    """Refuse more rows than one call may have explained: 413, and 422 for counterfactuals."""
    explainer = explainer_of(model)
    if rows > explainer.most_rows:
        message = (
            f"The request holds {rows} rows; at most {explainer.most_rows} of this version are explained in one call. "
            "Send several requests."
        )
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_instances", message)
    if what.counterfactual and rows > explainer.most_ways:
        message = (
            f"The request asks for counterfactuals of {rows} rows; at most {explainer.most_ways} of this version are "
            "searched for in one call. Send several requests."
        )
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "too_many_counterfactuals", message)
