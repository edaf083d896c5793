"""Those who score pieces: this process alone, or several; whoever does it, the parts are the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apps.ml.deployment.batch.job import OnMisfit
from apps.ml.deployment.batch.layout import Layout
from apps.ml.deployment.batch.piece_scoring import Part, PieceScorer
from apps.ml.deployment.batch.pieces import Irregular, Piece, packed, unpacked
from apps.ml.deployment.batch.same_scorer import with_scorer
from apps.ml.deployment.versions.model_source import SCHEME, model_source
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BundleError


@dataclass(frozen=True)
class ModelReference:
    """Where another process loads the same model from; `digest` tells that it is the same, `scorer` what computes."""

    address: str
    policy: ServingPolicy
    digest: str
    scorer: str

    @staticmethod
    def of(model: ServedModel, policy: ServingPolicy) -> "ModelReference":
        """Return where `model` was loaded from; a folder is named from the root, for workers in other folders."""
        registered = model.address.startswith(SCHEME)
        address = model.address if registered else str(Path(model.address).resolve())
        return ModelReference(address, policy, model.bundle_digest, model.scorer.name)

    def load(self) -> ServedModel:
        """Load the model and check that it is the one that is meant.

        Raises
        ------
        BundleError
            Another model lies there now, or the scorer cannot be built here.
        """
        model = model_source(self.address, self.policy).load()
        if model.bundle_digest != self.digest:
            raise BundleError(
                f"{self.address} gives a worker another model than the process that began. Let the model be while "
                "files are scored, and run the command again."
            )
        return with_scorer(model, self.scorer)


@dataclass(frozen=True)
class Task:
    """What a worker in another process needs besides the pieces."""

    model: ModelReference
    layout: Layout
    as_text: bool
    on_misfit: OnMisfit

    def scorer(self) -> PieceScorer:
        """Load the model and return the scorer of pieces."""
        return PieceScorer(self.model.load(), self.layout, self.as_text, self.on_misfit)


@dataclass(frozen=True)
class PackedPiece:
    """A piece as it goes to another process."""

    number: int
    first_row: int
    rows: int
    content: bytes
    irregular: tuple[Irregular, ...]

    @staticmethod
    def of(piece: Piece) -> "PackedPiece":
        """Pack a piece."""
        return PackedPiece(piece.number, piece.first_row, piece.rows, packed(piece.table), piece.irregular)

    def piece(self) -> Piece:
        """Inverse of :meth:`of`."""
        return Piece(self.number, self.first_row, self.rows, unpacked(self.content), self.irregular)


class Team(Protocol):
    """Scores pieces, in any order; takes only as many from the iterator as it can hold."""

    def parts(self, task: Task, scorer: PieceScorer, pieces: Iterator[Piece]) -> Iterator[Part]:
        """Yield the part of every piece.

        `scorer` is of this process; whoever works elsewhere makes one of `task`.
        """


class ThisProcess:
    """Scores piece by piece."""

    def parts(self, task: Task, scorer: PieceScorer, pieces: Iterator[Piece]) -> Iterator[Part]:  # noqa: ARG002
        """See :class:`Team`."""
        for piece in pieces:
            yield scorer.part(piece)
