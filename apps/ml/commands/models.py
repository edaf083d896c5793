"""`fairmind models`: the registry, from a list of versions to the way back from one of them."""

import json
import re
from typing import Annotated, Any

import typer
from rich.console import Console

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.commands.registry_tables import print_comparison, print_lineage, print_version, versions_table
from apps.ml.commands.results import gates_table
from apps.ml.commands.runs import Json
from apps.ml.errors import EXIT_DONE, BadInputError
from apps.ml.evaluation.gates.judging import verdict_exit_code
from apps.ml.files import read_json

app = typer.Typer(no_args_is_help=True, help="The registry: versions, aliases, gates, lineage.")
ADDRESS = re.compile(r"(?:models:/+)?(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]+))?")
Model = Annotated[str, typer.Argument(metavar="NAME", help="A model: the name of its data set.")]
Address = Annotated[
    str, typer.Argument(metavar="NAME", help="A model, also as NAME/VERSION or NAME@ALIAS. Default: its champion.")
]
Number = Annotated[int | None, typer.Option("--version", min=1, help="A version.")]
Alias = Annotated[str | None, typer.Option(help="An alias, as candidate or champion.")]
Reason = Annotated[str, typer.Option(help="Why, in words that stay with the version.")]


@app.command("list")
def list_models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    as_json: Json = False,
) -> None:
    """List the versions with aliases, verdict and main measurement."""
    from apps.ml.experiments import registry
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store:
        names = [name] if name else registry.model_names(store)
        found = [version for one in names for version in registry.list_versions(store, one)]
        versions = [_described(store, version) for version in found]
    if as_json:
        print(json.dumps({"versions": versions}, ensure_ascii=False))
    else:
        Console().print(versions_table(versions))


@app.command()
def show(name: Address, version: Number = None, alias: Alias = None, as_json: Json = False) -> None:
    """Show one version: aliases, gates with reasons, parameters, measurements."""
    from apps.ml.experiments.comparison import measurements
    from apps.ml.experiments.lineage import registration_of_run
    from apps.ml.experiments.runs import undefined_metrics
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store:
        found = _find(store, name, version, alias)
        run = store.client.get_run(found.run_id)
        content = {
            **_described(store, found),
            "metrics": measurements(run.data.metrics, undefined_metrics(run)),
            "parameters": dict(run.data.params),
            "registration": registration_of_run(store, found.run_id),
        }
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        print_version(content)


@app.command()
def promote(
    name: Model,
    version: Number = None,
    run: Annotated[str | None, typer.Option(help="A run's id; its model gets a version first.")] = None,
    experiment: Annotated[
        str | None, typer.Option(help="A DVC experiment's name; its model gets a version first.")
    ] = None,
    override: Annotated[
        bool, typer.Option("--override", help="Promote though gates or the comparison with the champion do not pass.")
    ] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make a version the champion; without --override only if gates, guards, policy and comparison pass."""
    from apps.ml.experiments.promotion import promote_run, promote_version
    from apps.ml.experiments.tracking import answering_store

    reference = run or experiment
    if sum(given is not None for given in (version, run, experiment)) != 1:
        raise BadInputError("Name exactly one of --version, --run and --experiment.")
    with answering_store() as store, store.locked():
        done = (
            promote_version(store, name, str(version), reason, override)
            if reference is None
            else promote_run(store, name, reference, reason, override)
        )
    number = done.version.number if done.version else None
    comparison = done.comparison.to_dict() if done.comparison else None
    if as_json:
        content = {"model": name, "version": number, "promoted": done.promoted, "verdict": done.verdict}
        print(json.dumps({**content, "comparison": comparison}, ensure_ascii=False))
    elif done.promoted:
        print(f"Version {number} of {name} is the champion; its gates say {done.verdict}.")
    elif comparison is None:
        print(
            f"Not promoted: the gates say {done.verdict}. `fairmind models show` lists their reasons; "
            "--override --reason TEXT promotes all the same."
        )
    else:
        print(f"Not promoted: beside the champion, version {comparison['champion']}, it is {done.verdict}.")
    if comparison is not None and not as_json:
        print_comparison(comparison)
    raise typer.Exit(EXIT_DONE if done.promoted else verdict_exit_code(done.verdict))


@app.command()
def rollback(name: Model, reason: Reason = "", as_json: Json = False) -> None:
    """Make the champion before the present one champion again."""
    from apps.ml.experiments.promotion import roll_back
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store, store.locked():
        left, came = roll_back(store, name, reason)
    if as_json:
        print(json.dumps({"model": name, "from": left.number, "to": came.number}))
    else:
        print(f"Version {came.number} of {name} is the champion again, in place of version {left.number}.")


@app.command()
def lineage(name: Address, version: Number = None, alias: Alias = None, as_json: Json = False) -> None:
    """Walk back from a version to run, commit, data, evidence and gates."""
    from apps.ml.experiments.lineage import lineage_of
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store:
        content = lineage_of(store, _find(store, name, version, alias))
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        print_lineage(content)


@app.command()
def gate(
    model: Annotated[str | None, typer.Option(help="Judge a version of this model, not the working tree.")] = None,
    version: Number = None,
    alias: Alias = None,
    as_json: Json = False,
) -> None:
    """Say what the gates decided, as an exit code: 0 passed, 1 failed, 3 inconclusive."""
    content = _registered_verdict(model, version, alias) if model else _verdict_of_the_working_tree()
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        Console().print(gates_table(content))
    raise typer.Exit(verdict_exit_code(content["verdict"]))


@app.command()
def publish(as_json: Json = False) -> None:
    """Publish the last pipeline run into a store that has not seen it; changes nothing if it has."""
    from apps.ml.experiments.publisher import publish_working_tree

    done = publish_working_tree(ArtifactPaths())
    comparison = done.comparison.to_dict() if done.comparison else None
    if as_json:
        content = {"run_id": done.run_id, "version": done.version, "reused": done.reused}
        print(json.dumps({**content, "comparison": comparison}, ensure_ascii=False))
    else:
        registered = f", version {done.version}" if done.version else ""
        print(f"Run {done.run_id}{registered}{' (was there already)' if done.reused else ''}.")
        if comparison is not None:
            print_comparison(comparison)


def _find(store: Any, address: str, version: int | None, alias: str | None) -> Any:
    from apps.ml.experiments import registry

    match = ADDRESS.fullmatch(address)
    if match is None:
        raise BadInputError(f"'{address}' names no model. Write NAME, NAME/VERSION or NAME@ALIAS.")
    number = str(version) if version is not None else match["version"]
    return registry.find_version(store, match["name"], number, alias or match["alias"])


def _described(store: Any, version: Any) -> dict[str, Any]:
    from apps.ml.experiments import tags

    run = store.client.get_run(version.run_id)
    return {
        "model": version.name,
        "version": version.number,
        "aliases": list(version.aliases),
        "verdict": version.verdict,
        "estimator": run.data.params.get("model_training.estimator"),
        "run_id": version.run_id,
        "fingerprint": version.tags.get(tags.FINGERPRINT),
        "evidence": version.tags.get(tags.EVIDENCE),
        "commit": version.tags.get(tags.COMMIT),
        "reason": version.tags.get(tags.REASON),
        "rolled_back": tags.ROLLED_BACK in version.tags,
        "created": version.created,
        "metrics": dict(run.data.metrics),
    }


def _registered_verdict(name: str, version: int | None, alias: str | None) -> dict[str, Any]:
    from apps.ml.experiments.lineage import registration_of_run
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store:
        found = _find(store, name, version, alias)
        content = registration_of_run(store, found.run_id)
    return {"model": found.name, "version": found.number, **content}


def _verdict_of_the_working_tree() -> dict[str, Any]:
    path = ArtifactPaths().metric("registration")
    if not path.exists():
        raise BadInputError(f"{path} does not exist. Run `make reproduce` or `dvc repro` first.")
    content: dict[str, Any] = read_json(path)
    return content
