"""`fairmind datasets`: what is declared, where its rows are, and whether they keep their promises."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apps.ml.data.catalogue import declared_names, load_declaration
from apps.ml.data.declaration import Declaration
from apps.ml.data.label import described_label
from apps.ml.data.sources.fetching import is_local, make_local
from apps.ml.errors import DataError, DeclarationError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Name of a declared data set; `fairmind datasets list` lists them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.callback()
def datasets() -> None:
    """What is declared, fetched and valid. docs/ml/datasets.md says how to declare a data set of one's own."""


@app.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List the declared data sets and whether their rows can be read without a network."""
    entries = [_entry(name) for name in declared_names()]
    if as_json:
        print(json.dumps(entries, ensure_ascii=False))
        return
    table = _table("Declared data sets", "name", "title", "source", "local", "sensitive attributes", "splits")
    for entry in entries:
        table.add_row(*_cells(entry))
    Console().print(table)


def _entry(name: str) -> dict[str, Any]:
    """Describe one data set; a broken declaration is shown and does not hide the others."""
    try:
        declaration = load_declaration(name)
    except DeclarationError as error:
        return {"name": name, "error": str(error)}
    return {
        "name": name,
        "title": declaration.title,
        "source": declaration.source.kind,
        "local": is_local(declaration),
        "sensitive": list(declaration.sensitive),
        "splits": _splits(declaration),
    }


def _splits(declaration: Declaration) -> list[str]:
    """Names of the splits, the default first."""
    return sorted(declaration.splits, key=lambda name: name != declaration.default_split)


def _cells(entry: dict[str, Any]) -> list[str]:
    if "error" in entry:
        return [entry["name"], f"[red]{escape(entry['error'])}[/red]", "", "", "", ""]
    local = "yes" if entry["local"] else "no"
    sensitive, splits = ", ".join(entry["sensitive"]), ", ".join(entry["splits"])
    return [entry["name"], escape(entry["title"]), entry["source"], local, sensitive, splits]


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show everything that is declared about one data set."""
    declaration = load_declaration(name)
    if as_json:
        print(json.dumps(declaration.model_dump(mode="json"), ensure_ascii=False))
        return
    console = Console()
    for heading, text in _facts(declaration):
        console.print(f"[bold]{heading}[/bold]: {escape(text)}")
    console.print(_columns_table(declaration))
    console.print(_attributes_table(declaration))


def _facts(declaration: Declaration) -> list[tuple[str, str]]:
    predicted = described_label(declaration.label)
    return [
        (declaration.name, declaration.title),
        ("About", declaration.description),
        ("Licence", declaration.licence),
        ("Source", declaration.source.kind),
        ("Predicts", predicted),
        ("Splits", ", ".join(_splits(declaration))),
        *(("Known fault", fault) for fault in declaration.known_faults),
        *(("Filter", f"{rule.column}: {rule.reason}") for rule in declaration.filters),
    ]


def _columns_table(declaration: Declaration) -> Table:
    table = _table("Columns", "column", "type", "use", "description")
    for name, column in declaration.columns.items():
        table.add_row(escape(name), column.type, escape(_use(name, declaration)), escape(column.description))
    return table


def _use(name: str, declaration: Declaration) -> str:
    if name in declaration.leave_out:
        return f"left out: {declaration.leave_out[name]}"
    if name in declaration.held_out:
        return f"held out: {declaration.held_out[name]}"
    if declaration.columns[name].type in ("date", "identifier"):
        return "never a feature"
    reasons = [rule.feature_because for rule in declaration.sensitive.values() if rule.column == name]
    if None in reasons:
        return "sensitive"
    return f"sensitive, and a feature: {reasons[0]}" if reasons else "feature"


def _attributes_table(declaration: Declaration) -> Table:
    table = _table("Sensitive attributes", "attribute", "made from", "groups")
    for name, rule in declaration.sensitive.items():
        made_from = rule.column or " × ".join(rule.intersection)
        bands = [f"bands from {', '.join(f'{bound:g}' for bound in rule.bands)}"] if rule.bands else []
        groups = [*rule.groups, *([rule.other] if rule.other else []), *bands]
        table.add_row(name, escape(made_from), escape(", ".join(groups) or "every value"))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for position, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=position == 0)
    return table


@app.command()
def fetch(name: Name, as_json: AsJson = False) -> None:
    """Make the files of a data set local and print their sha256; an error names the digest that was found."""
    files = make_local(load_declaration(name))
    if as_json:
        listed = [{"path": str(path), "sha256": digest} for path, digest in files.items()]
        print(json.dumps({"dataset": name, "files": listed}))
        return
    for path, digest in files.items():
        print(f"{digest}  {path}")
    if not files:
        print(f"The rows of {name} are generated; there is nothing to fetch.")


@app.command()
def check(name: Name, as_json: AsJson = False) -> None:
    """Read all rows and check every promise of the declaration; exit code 2 with all findings where one is broken."""
    from apps.ml.data.preparation import check as findings_of

    declaration = load_declaration(name)
    findings = findings_of(declaration)
    if findings:
        count = f"{len(findings)} promise{'s' if len(findings) != 1 else ''}"
        raise DataError(
            f"the rows of data set '{name}' break {count}. Mend the source, or the declaration where it promises too "
            "much:",
            findings,
        )
    if as_json:
        print(json.dumps({"dataset": name, "findings": []}))
        return
    print(f"{name}: the rows keep every promise of the declaration.")
