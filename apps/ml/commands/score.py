"""`fairmind score`: score a file that may be larger than memory, with the numbers that the server gives."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.ml.errors import BadInputError
from apps.ml.evaluation.audit.written_options import names_of, separator_of

if TYPE_CHECKING:
    from apps.ml.deployment.batch.file_scoring import Finished
    from apps.ml.deployment.batch.job import Job, OnMisfit
    from apps.ml.deployment.batch.team import Team
    from apps.ml.deployment.versions.served_model import ServedModel

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
INTERRUPTED = 130

ListOf = list[str] | None


def score(
    source: Annotated[Path, typer.Argument(metavar="IN", help="CSV (also .csv.gz), Parquet, or a folder of Parquet.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="A .csv or .parquet file; it appears whole, at the end.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="models:/<name>@<alias>, models:/<name>/<version> or a bundle's folder. "
            "Default: FAIRMIND_MODEL, else the champion of the data set in params.yaml."
        ),
    ] = None,
    keep: Annotated[
        ListOf, typer.Option(metavar="C[,C…]", help="Columns of IN that OUT repeats. Default: all.")
    ] = None,
    results_only: Annotated[bool, typer.Option("--results-only", help="OUT repeats no column of IN.")] = False,
    prefix: Annotated[str, typer.Option(help="Stands before the names of the columns that OUT adds.")] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Add a column of explanations as JSON: contributions, reasons.")
    ] = False,
    on_misfit: Annotated[
        str, typer.Option(help="Rows that do not fit the model: fail, or quarantine (into OUT.misfits.parquet).")
    ] = "fail",
    missing: Annotated[
        ListOf,
        typer.Option(metavar="V[,V…]", help="Texts of a CSV file that stand for nothing, besides an empty field."),
    ] = None,
    separator: Annotated[str, typer.Option(help="Of the CSV file; 'tab' for a tabulator.")] = ",",
    encoding: Annotated[str, typer.Option(help="Of the CSV file.")] = "utf-8",
    chunk_rows: Annotated[int, typer.Option(min=1, help="Rows in memory at once, per worker.")] = 50_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes, here or on Ray.")] = 1,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="Score on this Ray cluster; local: one of this machine.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart/--resume", help="Throw away what an earlier run left, or go on with it.")
    ] = False,
    allow: Annotated[
        ListOf,
        typer.Option(
            help="What decisions may depend on besides the columns: sensitive_at_prediction, chance. Default: "
            "FAIRMIND_ALLOW, else nothing."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Score every row of IN: OUT holds its columns, the row's number, score, decision, threshold, version, evidence.

    Killed or interrupted (exit code 130) and run again, the same command goes on where it stopped, and OUT has the same
    bytes.
    """
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from apps.ml.deployment.batch.file_scoring import score_file
    from apps.ml.deployment.batch.job import Job, require_usable_target
    from apps.ml.deployment.batch.progress import scoring_progress
    from apps.ml.deployment.versions.model_source import default_address, model_source
    from apps.ml.deployment.versions.serving_policy import serving_policy

    job = Job(
        source=source,
        target=target,
        keep=_kept(keep, results_only),
        prefix=prefix,
        missing=names_of(missing, "--missing"),
        separator=separator_of(separator) or ",",
        encoding=encoding,
        chunk_rows=chunk_rows,
        on_misfit=_on_misfit(on_misfit),
        explain=explain,
    )
    require_usable_target(job)
    policy = serving_policy(allow)
    began = time.perf_counter()
    served = model_source(model or default_address(), policy).load()
    loaded = time.perf_counter()
    try:
        with scoring_progress(as_json) as tell:
            finished = score_file(job, served, policy, _team(workers, ray), "restart" if restart else "resume", tell)
    except KeyboardInterrupt:
        print(f"interrupted; what is done lies in {job.parts}. The same command goes on there.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    _show(job, served, finished, loaded - began, time.perf_counter() - loaded, as_json)


def _team(workers: int, ray: str | None) -> "Team":
    from apps.ml.deployment.batch.on_ray import OnRay
    from apps.ml.deployment.batch.processes import Processes
    from apps.ml.deployment.batch.team import ThisProcess

    if ray is not None:
        return OnRay(ray, workers)
    return Processes(workers) if workers > 1 else ThisProcess()


def _kept(keep: ListOf, results_only: bool) -> tuple[str, ...] | None:
    if results_only and keep:
        raise BadInputError("--results-only stands beside --keep. Leave one of them out.")
    if results_only:
        return ()
    return names_of(keep, "--keep") or None


def _on_misfit(written: str) -> "OnMisfit":
    choices: dict[str, OnMisfit] = {"fail": "fail", "quarantine": "quarantine"}
    if written in choices:
        return choices[written]
    raise BadInputError(f"--on-misfit '{written}' is neither fail nor quarantine. Write one of them.")


def _show(
    job: "Job", model: "ServedModel", finished: "Finished", load_seconds: float, seconds: float, as_json: bool
) -> None:
    facts = {
        "output": str(job.target),
        "rows": finished.rows,
        "scored": finished.scored,
        "set_aside": finished.set_aside,
        "misfits": [
            finding.__dict__ for finding in (count.finding(model.bundle.info.columns) for count in finished.misfits)
        ],
        "misfits_file": str(job.misfits) if finished.set_aside else None,
        "model": model.name,
        "version": model.version,
        "evidence": model.evidence,
        "bundle": model.bundle_digest,
        "scorer": model.scorer.name,
        "parts": finished.parts,
        "parts_found": finished.found_parts,
        "load_seconds": round(load_seconds, 3),
        "seconds": round(seconds, 3),
    }
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    found = f" ({finished.found_parts} of {finished.parts} parts were there)" if finished.found_parts else ""
    print(f"{job.target}: {finished.scored:,} rows scored by {model.label} in {seconds:.1f} s{found}")
    if finished.set_aside:
        print(f"{job.misfits}: {finished.set_aside:,} rows that do not fit the model, with the reasons")
