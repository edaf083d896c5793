"""The scorer of compiled parts: rows are encoded and scored without data frames."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.deployment.scorers.decisions import BindDecision, answers_of
from apps.ml.deployment.scorers.formula import Formula
from apps.ml.deployment.scorers.row_encoder import RowEncoder
from apps.ml.deployment.scorers.scorer import Refused, Value
from apps.ml.models.bundle import Answers, ModelBundle
from apps.ml.models.bundle_parts import takes_group

Matrix = npt.NDArray[np.float64]
ScoreRow = Callable[[Sequence[Value]], tuple[float, int | None]]


@dataclass(frozen=True)
class Compiled:
    """A bundle and what was compiled of it: its encoding, the formula of its estimator, what decides a single row."""

    bundle: ModelBundle
    encoder: RowEncoder
    formula: Formula
    bind_decision: BindDecision

    @property
    def features(self) -> int:
        """How many of the encoded features, the first ones, the estimator looks at."""
        without_code = self.bundle.info.group is not None and not takes_group(self.bundle.estimator)
        return self.encoder.width - without_code


class CompiledScorer:
    """Scores by what was compiled of a bundle.

    Each thread has a buffer of its own, made when it scores its first row and freed when it ends.
    """

    def __init__(self, name: str, compiled: Compiled, refused: Refused = ()) -> None:
        self.name, self.refused = name, refused
        self._compiled, self._bound = compiled, threading.local()

    def score_row(self, values: Sequence[Value]) -> tuple[float, int | None]:
        """See :class:`~apps.ml.deployment.scorers.scorer.Scorer`."""
        try:
            score_row: ScoreRow = self._bound.score_row
        except AttributeError:
            score_row = self._bound.score_row = self._bind()
        return score_row(values)

    def score_rows(self, rows: Sequence[Sequence[Value]]) -> Answers:
        """See :class:`~apps.ml.deployment.scorers.scorer.Scorer`."""
        return self._answers(self._compiled.encoder.encode_rows(rows))

    def answers(self, frame: pd.DataFrame) -> Answers:
        """See :class:`~apps.ml.deployment.scorers.scorer.Scorer`."""
        return self._answers(self._compiled.encoder.encode_frame(frame))

    def with_refused(self, refused: Refused) -> "CompiledScorer":
        """Return the same scorer with the reasons why others were not taken."""
        return CompiledScorer(self.name, self._compiled, refused)

    def _answers(self, X: Matrix) -> Answers:
        compiled = self._compiled
        looked_at = np.ascontiguousarray(X[:, : compiled.features])
        scores = compiled.formula.rows(looked_at) if len(X) else np.empty(0)
        return answers_of(compiled.bundle, scores, X)

    def _bind(self) -> ScoreRow:
        """Return the function of one thread."""
        compiled, x = self._compiled, np.zeros(self._compiled.encoder.width)
        encode, score = compiled.encoder.encode_row, compiled.formula.bind(x[: compiled.features])
        decide = compiled.bind_decision(x)

        def score_row(values: Sequence[Value]) -> tuple[float, int | None]:
            encode(values, x)
            found = score()
            return found, decide(found)

        return score_row
