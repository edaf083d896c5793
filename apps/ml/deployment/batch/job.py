"""What is to be scored, into which file, and how: fixed before the first row is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from apps.ml.errors import BadInputError

FileKind = Literal["csv", "parquet"]
OnMisfit = Literal["fail", "quarantine"]

CHUNK_ROWS = 50_000
CSV_ENDINGS = (".csv", ".csv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
PARTS_ENDING = ".parts"
MISFITS_ENDING = ".misfits.parquet"


@dataclass(frozen=True)
class Job:
    """One input and one output.

    `keep`: columns of the input that the output repeats; None: all. `prefix` stands before the names of the columns
    that the output adds. `missing`: texts of a CSV file that stand for nothing, besides an empty field. `separator` and
    `encoding` are of the CSV input. `explain`: reasons are given beside the scores.
    """

    source: Path
    target: Path
    keep: tuple[str, ...] | None = None
    prefix: str = ""
    missing: tuple[str, ...] = ()
    separator: str = ","
    encoding: str = "utf-8"
    chunk_rows: int = CHUNK_ROWS
    on_misfit: OnMisfit = "fail"
    explain: bool = False

    @property
    def target_kind(self) -> FileKind:
        """The kind of the output, by its ending."""
        return file_kind(self.target)

    @property
    def parts(self) -> Path:
        """The folder that holds what is done while the job is at work."""
        return self.target.with_name(self.target.name + PARTS_ENDING)

    @property
    def misfits(self) -> Path:
        """The file of the rows that were set aside."""
        return self.target.with_name(self.target.name + MISFITS_ENDING)

    def identity(self) -> dict[str, Any]:
        """What decides about the content of parts, JSON-ready.

        `on_misfit` is none of it: parts without misfits are the same either way.
        """
        return {
            "--keep": None if self.keep is None else list(self.keep),
            "--prefix": self.prefix,
            "--missing": list(self.missing),
            "--separator": self.separator,
            "--encoding": self.encoding,
            "--chunk-rows": self.chunk_rows,
            "--explain": self.explain,
            "the kind of OUT": self.target_kind,
        }


def file_kind(path: Path) -> FileKind:
    """Return what the ending of a path says.

    Raises
    ------
    BadInputError
        It is neither CSV nor Parquet.
    """
    name = path.name.lower()
    if name.endswith(CSV_ENDINGS):
        return "csv"
    if name.endswith(PARQUET_ENDINGS):
        return "parquet"
    known = ", ".join((*CSV_ENDINGS, *PARQUET_ENDINGS))
    raise BadInputError(f"{path} ends with none of {known}. Give the file an ending that says what it holds.")


def require_usable_target(job: Job) -> None:
    """Refuse an output that could not be written, before anything is read.

    Raises
    ------
    BadInputError
        It is the input or lies in it, is a folder, lies in none, or is to be compressed as .gz.
    """
    file_kind(job.target)
    if job.target.suffix.lower() == ".gz":
        raise BadInputError(f"{job.target}: the output is not compressed as .gz. Name a .csv or .parquet file.")
    place, source = job.target.resolve(), job.source.resolve()
    if place == source or source in place.parents:
        raise BadInputError(f"{job.target} is the input or lies in it. Name another file for the output.")
    if job.target.is_dir():
        raise BadInputError(f"{job.target} is a folder. Name a file for the output.")
    if not job.target.parent.is_dir():
        raise BadInputError(f"there is no folder {job.target.parent}. Make it, or name another file for the output.")
