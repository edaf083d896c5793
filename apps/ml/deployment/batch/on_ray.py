"""A team on Ray: every piece is a task, done again on another worker where one dies."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from apps.ml.deployment.batch.piece_scoring import Part, PieceScorer
from apps.ml.deployment.batch.pieces import Piece
from apps.ml.deployment.batch.ray_cluster import connected
from apps.ml.deployment.batch.team import PackedPiece, Task
from apps.ml.errors import FairMindError, ServiceUnavailableError

RETRIES = 3
"""Times that Ray does a piece again whose worker died."""

AHEAD = 2
"""Pieces per processor that are in the cluster at once, so that none waits for the reader."""


class OnRay:
    """Scores on Ray: `address` is `local` or of a cluster, `workers` the processors to use; None: all of a cluster."""

    def __init__(self, address: str, workers: int | None = None) -> None:
        self._address, self._workers = address, workers

    def parts(self, task: Task, scorer: PieceScorer, pieces: Iterator[Piece]) -> Iterator[Part]:  # noqa: ARG002
        """See :class:`~apps.ml.deployment.batch.team.Team`.

        Raises
        ------
        BadInputError
            Ray is not installed.
        ServiceUnavailableError
            The cluster does not answer, or workers die again and again.
        """
        with connected(self._address, self._workers or 1, "use --workers for processes of this machine") as ray:
            at_once = AHEAD * (self._workers or max(1, int(ray.cluster_resources().get("CPU", 1))))
            score = ray.remote(num_cpus=1, max_retries=RETRIES)(score_piece)
            shared = ray.put(task)
            waiting: list[Any] = []
            for piece in pieces:
                waiting.append(score.remote(shared, PackedPiece.of(piece)))
                if len(waiting) >= at_once:
                    done, waiting = ray.wait(waiting)
                    yield from (_collected(ray, each) for each in done)
            while waiting:
                done, waiting = ray.wait(waiting)
                yield from (_collected(ray, each) for each in done)


def score_piece(task: Task, piece: PackedPiece) -> Part:
    """Score a piece in a Ray worker; the model is loaded with the first."""
    return _scorer_of(task).part(piece.piece())


@lru_cache(maxsize=1)
def _scorer_of(task: Task) -> PieceScorer:
    return task.scorer()


def _collected(ray: Any, each: Any) -> Part:
    try:
        part: Part = ray.get(each)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, FairMindError):
            raise cause from error
        raise
    except ray.exceptions.RayError as error:
        raise ServiceUnavailableError(
            f"Ray lost a piece and its workers ({type(error).__name__}). What is done is kept. Mend the cluster and "
            "run the command again."
        ) from error
    return part
