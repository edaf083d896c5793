"""`fairmind audit`: a fairness audit of anybody's decisions, no model needed."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from apps.ml.evaluation.audit.written_options import WrittenOptions, audit_options

ListOf = list[str] | None


def audit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV (also .csv.gz) or Parquet, of any size.")],
    sensitive: Annotated[ListOf, typer.Option(metavar="C[,C…]", help="Columns that make groups.")] = None,
    prediction: Annotated[str | None, typer.Option(metavar="C", help="Column of decisions.")] = None,
    label: Annotated[str | None, typer.Option(metavar="C", help="Column of what truly happened.")] = None,
    score: Annotated[str | None, typer.Option(metavar="C", help="Column of scores.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Instead of --prediction: predicted positive from this score on.")
    ] = None,
    positive: Annotated[
        ListOf, typer.Option(metavar="V[,V…]", help="Values of the predicted event. Default: 1, true, yes.")
    ] = None,
    favourable: Annotated[
        ListOf, typer.Option(metavar="V[,V…]", help="Values that are good for the person. Default: the positive ones.")
    ] = None,
    negative: Annotated[
        ListOf, typer.Option(metavar="V[,V…]", help="Values of the other outcome, where they are several.")
    ] = None,
    weight: Annotated[str | None, typer.Option(metavar="C", help="Column of weights.")] = None,
    bands: Annotated[
        ListOf, typer.Option(metavar="C=N[,N…]", help="Put numbers into bands by lower bounds: age=25,45.")
    ] = None,
    intersections: Annotated[
        int, typer.Option(min=1, max=4, help="How many attributes are crossed at most; 1 for none.")
    ] = 2,
    condition: Annotated[
        ListOf, typer.Option(metavar="C[,C…]", help="Compare once more within the values of these columns.")
    ] = None,
    reference: Annotated[
        ListOf, typer.Option(metavar="C=GROUP", help="Group that others are compared with. Default: the largest.")
    ] = None,
    minimum_group_size: Annotated[int, typer.Option(min=1, help="Rows a group needs to be judged.")] = 30,
    confidence: Annotated[float, typer.Option(help="Of every interval, between 0 and 1.")] = 0.95,
    gate: Annotated[
        ListOf,
        typer.Option(metavar="PATH<=N", help="A limit, as 'fairness.*.equalized_odds_difference<=0.1'. Repeatable."),
    ] = None,
    gates: Annotated[Path | None, typer.Option(help="YAML file of gates, as under `gates:` in params.yaml.")] = None,
    no_gates: Annotated[bool, typer.Option("--no-gates", help="Report only; exit code 0.")] = False,
    score_scale: Annotated[
        str, typer.Option(help="probability, or any: then scores make scoring rates alone.")
    ] = "probability",
    missing: Annotated[
        ListOf, typer.Option(metavar="V[,V…]", help="Texts that stand for nothing, besides an empty field.")
    ] = None,
    leave_out_missing: Annotated[
        bool, typer.Option("--leave-out-missing", help="Leave out and count rows without prediction, label or score.")
    ] = False,
    separator: Annotated[str | None, typer.Option(help="Of the CSV file; , ; tab and | are found.")] = None,
    encoding: Annotated[str, typer.Option(help="Of the CSV file.")] = "utf-8",
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: audit_<name of the file>.")] = None,
    counts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the joint counts there, as Parquet; near to rows.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Audit the decisions in a file: gaps between groups with intervals, gates, an evidence record, documents."""
    from apps.ml.commands.audit_tables import audit_progress, print_audit
    from apps.ml.evaluation.audit.answer import audit_answer
    from apps.ml.evaluation.audit.assessment import audit as audit_file
    from apps.ml.evaluation.audit.writing import require_usable_counts, require_usable_folder, write_audit, write_counts

    written = WrittenOptions(
        sensitive=sensitive,
        prediction=prediction,
        label=label,
        score=score,
        threshold=threshold,
        positive=positive,
        favourable=favourable,
        negative=negative,
        weight=weight,
        bands=bands,
        intersections=intersections,
        condition=condition,
        reference=reference,
        minimum_group_size=minimum_group_size,
        confidence=confidence,
        gate=gate,
        gates=gates,
        no_gates=no_gates,
        score_scale=score_scale,
        missing=missing,
        leave_out_missing=leave_out_missing,
        separator=separator,
        encoding=encoding,
    )
    options = audit_options(file, written)
    folder = output or Path(f"audit_{file.name.split('.')[0]}")
    require_usable_folder(folder, file)
    if counts is not None:
        require_usable_counts(counts, folder, file)
    with audit_progress(as_json) as progress:
        done = audit_file(options, progress)
    if counts is not None:
        write_counts(counts, done.counts)
    files = write_audit(folder, done.record)
    if as_json:
        answer = audit_answer(done) | {"output": str(folder), "files": files}
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print_audit(Console(), done.record, folder, files)
    raise typer.Exit(done.exit_code)
