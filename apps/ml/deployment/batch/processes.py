"""A team of processes on this machine; they end when the process that began them does, however it ends."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process

from apps.ml.deployment.batch.piece_scoring import Part, PieceScorer
from apps.ml.deployment.batch.pieces import Piece
from apps.ml.deployment.batch.team import PackedPiece, Task
from apps.ml.errors import FairMindError, ServiceUnavailableError

AHEAD = 1
"""Pieces that wait for a free process, so that none waits for the reader."""

_scorer: "PieceScorer | FairMindError | None" = None
"""Of this worker process, or why there is none; set once, before its first piece."""


class Processes:
    """Scores with `workers` processes; at most `workers + 1` pieces are in memory at once, and as many parts."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def parts(self, task: Task, scorer: PieceScorer, pieces: Iterator[Piece]) -> Iterator[Part]:  # noqa: ARG002
        """See :class:`~apps.ml.deployment.batch.team.Team`.

        Raises
        ------
        ServiceUnavailableError
            A process was ended from outside.
        """
        executor = ProcessPoolExecutor(self._workers, get_context("spawn"), _begin, (task,))
        try:
            yield from self._parts(executor, pieces)
        except BrokenProcessPool:
            raise ServiceUnavailableError(
                "a worker process ended without a word: it was killed, perhaps for want of memory. What is done "
                "is kept. Run the command again, with fewer --workers or --chunk-rows."
            ) from None
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def _parts(self, executor: ProcessPoolExecutor, pieces: Iterator[Piece]) -> Iterator[Part]:
        waiting: set[Future[Part]] = set()
        for piece in pieces:
            waiting.add(executor.submit(_part, PackedPiece.of(piece)))
            if len(waiting) > self._workers + AHEAD - 1:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)


def _begin(task: Task) -> None:
    global _scorer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _scorer = task.scorer()
    except FairMindError as error:
        _scorer = error


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _part(piece: PackedPiece) -> Part:
    if isinstance(_scorer, FairMindError):
        raise _scorer
    if _scorer is None:
        raise RuntimeError("this process was never told what to score")
    return _scorer.part(piece.piece())
