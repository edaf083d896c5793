"""Scoring one file: from the checks before the first row to the output that appears whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.ml.deployment.batch.csv_source import CsvSource
from apps.ml.deployment.batch.findings import MisfitCount, added_up
from apps.ml.deployment.batch.input_identity import digest_of_files
from apps.ml.deployment.batch.job import Job, file_kind, require_usable_target
from apps.ml.deployment.batch.joining import join_parts
from apps.ml.deployment.batch.layout import Layout, layout_of
from apps.ml.deployment.batch.parquet_source import ParquetSource, parquet_files
from apps.ml.deployment.batch.parts import PartsFolder, Start, opened_parts
from apps.ml.deployment.batch.piece_scoring import Part, PieceScorer
from apps.ml.deployment.batch.pieces import Piece, RowSource
from apps.ml.deployment.batch.same_scorer import with_scorer
from apps.ml.deployment.batch.team import ModelReference, Task, Team
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BadInputError, DataError

Tell = Callable[[int, float], None]
"""Is told how many rows are done since the start, and which share of the input was read."""


@dataclass(frozen=True)
class Finished:
    """What came of a job: rows of the input, rows scored, misfits set aside, and parts found from an earlier run."""

    rows: int
    scored: int
    misfits: tuple[MisfitCount, ...]
    found_parts: int
    parts: int

    @property
    def set_aside(self) -> int:
        """Rows that were not scored."""
        return self.rows - self.scored


def score_file(
    job: Job, model: ServedModel, policy: ServingPolicy, team: Team, start: Start = "resume", tell: Tell | None = None
) -> Finished:
    """Score the input of `job` with `model` into its output, which appears whole or not at all.

    Parameters
    ----------
    policy
        What the decisions of the model may depend on; workers in other processes load it under the same policy.
    start
        `resume`: go on with parts that an earlier run left; `restart`: throw them away.

    Raises
    ------
    BadInputError
        The job cannot be done as asked, or parts of another job are in the way.
    DataError
        The input cannot be read or, unless misfits are set aside, a row does not fit the model.
    """
    require_usable_target(job)
    source = open_source(job, model)
    layout = layout_of(job, source, model)
    with opened_parts(job.parts, _identity(job, model), model.scorer.name, start) as parts:
        found = len(parts.done)
        _refuse_misfits(job, parts, model)
        if not parts.is_complete:
            same = with_scorer(model, parts.scorer)
            _make_parts(job, source, layout, same, policy, team, parts, tell)
        join_parts(job, layout, parts)
        finished = _finished(parts, found)
        parts.remove()
    return finished


def open_source(job: Job, model: ServedModel) -> RowSource:
    """Open the input and check its columns against the model's.

    Raises
    ------
    BadInputError
        There is no such file, or its ending says nothing.
    DataError
        It cannot be read, or lacks a column.
    """
    if not job.source.exists():
        raise BadInputError(f"there is no {job.source}. Name a CSV or Parquet file, or a folder of Parquet files.")
    columns = model.bundle.info.columns
    if not job.source.is_dir() and file_kind(job.source) == "csv":
        return CsvSource(job, columns)
    return ParquetSource(job, columns)


def _identity(job: Job, model: ServedModel) -> dict[str, object]:
    return {
        "input": digest_of_files(_files(job.source)),
        "model": {
            "bundle": model.bundle_digest,
            "version": model.version,
            "evidence": model.evidence,
        },
        "options": job.identity(),
    }


def _files(source: Path) -> list[Path]:
    return parquet_files(source) if source.is_dir() else [source]


def _make_parts(
    job: Job,
    source: RowSource,
    layout: Layout,
    model: ServedModel,
    policy: ServingPolicy,
    team: Team,
    parts: PartsFolder,
    tell: Tell | None,
) -> None:
    task = Task(ModelReference.of(model, policy), layout, source.as_text, job.on_misfit)
    scorer = PieceScorer(model, layout, source.as_text, job.on_misfit)
    counter = _Counter(source.pieces(job.chunk_rows, parts.done.__contains__))
    misfits: list[Part] = []
    for part in team.parts(task, scorer, counter.until(misfits)):
        if part.counts and job.on_misfit == "fail":
            misfits.append(part)
            continue
        parts.keep(part)
        if tell is not None:
            tell(part.rows, source.done)
    if misfits:
        counts = [count for part in sorted(misfits, key=lambda part: part.number) for count in part.counts]
        raise _not_fitting(job, model, counts, max(part.first_row + part.rows for part in misfits))
    parts.note_end(max(counter.last, *parts.done, -1) + 1)


class _Counter:
    """Hands pieces on until something is in a list, and remembers the number of the last."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self.last = -1

    def until(self, reasons_to_stop: list[Part]) -> Iterator[Piece]:
        """Yield pieces while the list is empty."""
        for piece in self._pieces:
            self.last = piece.number
            yield piece
            if reasons_to_stop:
                return


def _refuse_misfits(job: Job, parts: PartsFolder, model: ServedModel) -> None:
    """An earlier run may have set rows aside; one that must not says so before it goes on."""
    counts = _finished(parts, 0).misfits
    if counts and job.on_misfit == "fail":
        raise _not_fitting(job, model, counts, sum(facts.rows for facts in parts.done.values()))


def _not_fitting(job: Job, model: ServedModel, counts: Sequence[MisfitCount], rows: int) -> DataError:
    findings = [count.finding(model.bundle.info.columns) for count in added_up(counts)]
    return DataError(
        f"{job.source}: rows do not fit the model, among the first {rows:,}, counted from 0. Nothing was written to "
        f"{job.target}. Mend the file and give --restart, or set these rows aside with --on-misfit quarantine:",
        findings,
    )


def _finished(parts: PartsFolder, found: int) -> Finished:
    facts = [parts.done[number] for number in sorted(parts.done)]
    return Finished(
        rows=sum(part.rows for part in facts),
        scored=sum(part.scored for part in facts),
        misfits=added_up(count for part in facts for count in part.counts),
        found_parts=found,
        parts=len(facts),
    )
