"""Replaying a past answer: the same version, the same inputs, and does the same number come out?"""

import math
from dataclasses import dataclass

from sqlalchemy import Engine

from apps.ml.deployment.versions.model_source import model_source
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BadInputError, BundleError
from apps.ml.features.request_frame import frame_from_records
from apps.ml.prediction_log.logged import LoggedPrediction
from apps.ml.prediction_log.reading import prediction

TOLERANCE = 1e-9
"""Largest difference of two scores of one row by any scorer that serves; relative where scores exceed 1."""

EVERYTHING = ServingPolicy(allow_sensitive=True, allow_chance=True)
"""What was answered was allowed when it was answered."""


@dataclass(frozen=True)
class Replayed:
    """A logged answer beside the one that its version gives now. `difference`: of the scores, now minus logged."""

    id: str
    model: str
    version: str | None
    bundle: str
    scorer: str
    logged_score: float
    logged_decision: int | None
    score: float
    decision: int | None

    @property
    def difference(self) -> float:
        """Score now minus logged score."""
        return self.score - self.logged_score

    @property
    def same(self) -> bool:
        """Whether the same number and the same decision came out."""
        close = math.isclose(self.score, self.logged_score, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return close and self.decision == self.logged_decision


def replay(engine: Engine, name: str) -> Replayed:
    """Score a logged answer's inputs again with the version that gave it.

    Raises
    ------
    BadInputError
        The text names no prediction, or the log does not hold it, or it was erased.
    BundleError
        The version's address no longer holds the bundle that answered.
    RegistryError
        The registry no longer has the version.
    ServiceUnavailableError
        The registry does not answer.
    """
    logged = _logged(engine, name)
    if logged.score is None:
        raise BadInputError("This prediction was erased: nothing is left to replay. Choose another.")
    model = _loaded(logged)
    answers = model.scorer.answers(frame_from_records([logged.inputs], model.bundle.info.columns))
    return Replayed(
        id=logged.id,
        model=logged.version.model,
        version=logged.version.version,
        bundle=logged.version.bundle,
        scorer=model.scorer.name,
        logged_score=logged.score,
        logged_decision=logged.decision,
        score=float(answers.scores[0]),
        decision=None if answers.decisions is None else int(answers.decisions[0]),
    )


def _logged(engine: Engine, name: str) -> LoggedPrediction:
    try:
        found = prediction(engine, name)
    except ValueError as error:
        raise BadInputError("That is not the id of a prediction. Give the `id` that came with the answer.") from error
    if found is None:
        raise BadInputError(
            "The log does not hold this prediction. It may wait in a journal, or was removed as too old."
        )
    return found


def _loaded(logged: LoggedPrediction) -> ServedModel:
    version = logged.version
    model = model_source(version.address, EVERYTHING).load()
    if model.bundle_digest != version.bundle:
        raise BundleError(
            f"{version.address} now holds another bundle ({model.bundle_digest[:12]}…) than the one that answered "
            f"({version.bundle[:12]}…). Put that one back there."
        )
    return model
