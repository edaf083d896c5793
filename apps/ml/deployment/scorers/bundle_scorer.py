"""The scorer that is always right: the bundle itself."""

from collections.abc import Sequence

import pandas as pd

from apps.ml.deployment.scorers.scorer import Refused, Value
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import Answers, ModelBundle


class BundleScorer:
    """Scores through the bundle's transformer and estimator."""

    name = "bundle"

    def __init__(self, bundle: ModelBundle, refused: Refused = ()) -> None:
        self._bundle, self.refused = bundle, refused
        self._names = [column.name for column in bundle.info.columns]

    def score_row(self, values: Sequence[Value]) -> tuple[float, int | None]:
        """See :class:`~apps.ml.deployment.scorers.scorer.Scorer`."""
        answers = self.score_rows([values])
        return float(answers.scores[0]), None if answers.decisions is None else int(answers.decisions[0])

    def score_rows(self, rows: Sequence[Sequence[Value]]) -> Answers:
        """See :class:`~apps.ml.deployment.scorers.scorer.Scorer`."""
        records = [dict(zip(self._names, row, strict=True)) for row in rows]
        return self.answers(frame_from_records(records, self._bundle.info.columns))

    def answers(self, frame: pd.DataFrame) -> Answers:
        """See :class:`~apps.ml.deployment.scorers.scorer.Scorer`."""
        return self._bundle.answers(frame)
