"""`fairmind log`: what was answered, shown, exported, replayed, erased, removed when it is old."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from apps.ml.commands.runs import EXIT_DIFFERENT, Json
from apps.ml.errors import EXIT_DONE, BadInputError

app = typer.Typer(no_args_is_help=True, help="The prediction log: answers and what came of them.")
UNITS = {"d": "days", "h": "hours", "m": "minutes", "w": "weeks"}
AGE = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[dhmw])")
Model = Annotated[str | None, typer.Option(help="Only answers of this model.")]
Version = Annotated[str | None, typer.Option(help="Only answers of this version.")]
Since = Annotated[
    str | None, typer.Option(metavar="MOMENT", help="Only answers from this moment on, as 2026-01-31 or ISO 8601; UTC.")
]
Until = Annotated[str | None, typer.Option(metavar="MOMENT", help="Only answers before this moment.")]


@app.command()
def show(
    model: Model = None, version: Version = None, since: Since = None, until: Until = None, as_json: Json = False
) -> None:
    """Count answers and labels per version, arm and route; tell how far the writer is."""
    from apps.ml.commands.log_tables import print_summary
    from apps.ml.prediction_log.logged import Wanted
    from apps.ml.prediction_log.state_folder import state_folder
    from apps.ml.prediction_log.summary import summary
    from apps.ml.prediction_log.writer_status import STATUS_FILE, read_status, status_facts

    wanted = Wanted(_moment(since), _moment(until), model, version, shadows=True)
    with _log() as engine:
        content: dict[str, Any] = asdict(summary(engine, wanted))
    content["writer"] = status_facts(read_status(state_folder() / STATUS_FILE))
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        print_summary(content)


@app.command()
def erase(
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="The name under which requests came.")] = None,
    prediction: Annotated[str | None, typer.Option(metavar="ID", help="The id of one answer.")] = None,
    as_json: Json = False,
) -> None:
    """Erase a person's answers and labels, also those that are still on their way; again does no harm."""
    from apps.ml.prediction_log.erasing import erase_prediction, erase_subject

    if (subject is None) == (prediction is None):
        raise BadInputError("Name exactly one of --subject and --prediction.")
    with _log() as engine:
        done = erase_prediction(engine, prediction) if prediction is not None else erase_subject(engine, str(subject))
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        print(f"Erased: {done.predictions} answers, {done.outcomes} labels. What still arrives is erased on arrival.")


@app.command()
def prune(
    older_than: Annotated[str, typer.Option(metavar="AGE", help="As 90d, 12w, 36h or 30m.")],
    keep_outcomes: Annotated[bool, typer.Option("--keep-outcomes", help="Keep the labels.")] = False,
    as_json: Json = False,
) -> None:
    """Remove answers that are older, with their labels."""
    from apps.ml.prediction_log.pruning import prune as remove

    age = _age(older_than)
    with _log() as engine:
        done = remove(engine, age, keep_outcomes)
    if as_json:
        print(json.dumps(asdict(done)))
    else:
        print(f"Removed: {done.predictions} answers in {done.calls} calls, {done.outcomes} labels.")


@app.command()
def export(
    output: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The file; only its owner may read it.")],
    model: Model = None,
    version: Version = None,
    since: Since = None,
    until: Until = None,
    shadows: Annotated[bool, typer.Option("--shadows", help="Also answers of shadows, which nobody got.")] = False,
    sensitive: Annotated[
        bool, typer.Option("--sensitive", help="Also sensitive columns: for fairness audits alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write answers with inputs and labels to a Parquet file, one row per prediction."""
    from apps.ml.prediction_log.export import export as write
    from apps.ml.prediction_log.logged import Wanted

    wanted = Wanted(_moment(since), _moment(until), model, version, shadows=shadows)
    with _log() as engine:
        rows = write(engine, output, wanted, sensitive=sensitive)
    if as_json:
        print(json.dumps({"file": str(output), "rows": rows}, ensure_ascii=False))
    else:
        print(f"{rows} answers: {output}")


@app.command()
def replay(
    prediction: Annotated[str, typer.Argument(metavar="ID", help="The id of one answer.")], as_json: Json = False
) -> None:
    """Score a past answer again with the version that gave it; exit code 0: the same number, 1: another."""
    from apps.ml.deployment.replay import replay as score_again

    with _log() as engine:
        done = score_again(engine, prediction)
    if as_json:
        print(json.dumps({**asdict(done), "difference": done.difference, "same": done.same}, ensure_ascii=False))
    else:
        version = f" version {done.version}" if done.version else ""
        verdict = "the same" if done.same else "another number"
        print(f"{done.model}{version} gave {done.logged_score!r} and now gives {done.score!r}: {verdict}.")
    raise typer.Exit(EXIT_DONE if done.same else EXIT_DIFFERENT)


@app.command()
def upgrade(as_json: Json = False) -> None:
    """Bring the tables to the state that this version writes; `fairmind serve` does so by itself."""
    from apps.ml.prediction_log.database import answering, open_database
    from apps.ml.prediction_log.schema import newest_revision
    from apps.ml.prediction_log.schema import upgrade as apply

    with answering(open_database(create=True)) as engine:
        apply(engine)
    if as_json:
        print(json.dumps({"revision": newest_revision()}))
    else:
        print(f"The tables are of version {newest_revision()}.")


@contextmanager
def _log() -> Iterator[Any]:
    """Yield the engine of a log whose tables are those that this code reads."""
    from apps.ml.prediction_log.database import answering, open_database
    from apps.ml.prediction_log.schema import require_current

    with answering(open_database()) as engine:
        require_current(engine)
        try:
            yield engine
        finally:
            engine.dispose()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(f"'{text}' is no moment. Write 2026-01-31 or 2026-01-31T12:00:00Z.") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _age(text: str) -> timedelta:
    match = AGE.fullmatch(text)
    if match is None:
        raise BadInputError(f"'{text}' is no age. Write a number and d, w, h or m, as 90d.")
    return timedelta(**{UNITS[match["unit"]]: int(match["count"])})
