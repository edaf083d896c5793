"""`fairmind audit` from the command line: what it prints and writes, and what it ends with."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from apps.ml.command_line import main
from apps.ml.commands.audit_tables import audit_progress, groups_table
from apps.ml.errors import BadInputError
from apps.ml.evaluation.audit.written_options import (
    attribute_bands,
    chosen_gates,
    names_of,
    reference_groups,
    separator_of,
)
from apps.ml.evaluation.statistics.counting.joint_counts_file import read_joint_counts
from apps.ml.tests.audited_files import COMPAS, decisions, written

Run = tuple[int, str, str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a space in its name, with people.csv in it."""
    place = tmp_path / "a folder"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "200")
    written(place / "people.csv", decisions())
    return place


@pytest.fixture
def fairmind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command line in this process; exit code, standard output, standard error."""

    def run(*arguments: str) -> Run:
        monkeypatch.setattr(sys, "argv", ["fairmind", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.skipif(not COMPAS.exists(), reason="FAIRMIND_DATA_DIR is not set; the COMPAS rows are not here")
def test_the_documented_command_gives_the_published_table(folder: Path, fairmind: Any) -> None:
    page = (Path(__file__).parents[5] / "docs" / "ml" / "audit.md").read_text(encoding="utf-8")
    found = re.search(r"```\nfairmind audit (.*?)\n```", page.replace(" \\\n", " "), flags=re.DOTALL)
    assert found is not None
    arguments = found.group(1).split()
    code, out, _ = fairmind("audit", str(COMPAS), *arguments[1:], "--json")
    content = json.loads(out)
    counts = dict(zip(content["counts"]["race"]["groups"], content["counts"]["race"]["counts"], strict=True))
    assert counts["African-American"] == [[990, 805], [532, 1369]]
    assert counts["Caucasian"] == [[1139, 349], [461, 505]]
    assert [line for line in page_lines(content) if line not in page] == []
    assert code == content["exit_code"] == 1
    assert (folder / "audit_compas-scores-two-years" / "evidence.json").exists()


def page_lines(record: dict[str, Any]) -> list[str]:
    """What the page must say of race, and of two comparisons of race and sex."""
    rates = ("base_rate", "favourable_rate", "impact_ratio", "true_positive_rate", "false_positive_rate")
    lines = [
        f"{group['n']:,} | " + " | ".join(f"{group[rate]['value']:.3f}" for rate in rates)
        for group in record["fairness"]["race"]["groups"].values()
    ]
    for attribute in ("race", "sex"):
        for name in ("demographic_parity_ratio", "equal_opportunity_difference"):
            found = record["fairness"][attribute][name]
            bounds = f"{found['lower']:.3f} to {found['upper']:.3f}"
            lines.append(f"| {attribute} | {name.replace('_', ' ')} | {found['value']:.3f} | {bounds} |")
    return lines


def test_an_audit_prints_tables_and_writes_a_folder_named_as_the_file(folder: Path, fairmind: Any) -> None:
    asked = ("audit", "people.csv", "--prediction", "decision", "--label", "label", "--sensitive", "sex,region")
    code, out, err = fairmind(*asked, "--weight", "weight", "--bands", "age=40", "--condition", "age")
    assert code in (0, 1, 3)
    assert err == ""
    assert "sex × region" in out
    assert "demographic parity ratio" in out
    assert "four fifths" in out
    output = folder / "audit_people"
    assert {path.name for path in output.iterdir()} == {"evidence.json", "report.html", "documents"}
    assert sorted(path.name for path in folder.iterdir()) == ["audit_people", "people.csv"]


def test_json_says_everything_in_one_object(folder: Path, fairmind: Any) -> None:
    asked = ("audit", "people.csv", "--prediction", "decision", "--label", "label", "--sensitive", "sex")
    code, out, err = fairmind(*asked, "--score", "score", "--json", "--output", "somewhere")
    content = json.loads(out)
    assert err == ""
    assert content["exit_code"] == code
    assert content["rows"] == 600
    assert content["output"] == "somewhere"
    assert {"evidence.json", "report.html", "documents/nyc_ll144.md"} <= set(content["files"])
    assert content["evidence"] == json.loads((folder / "somewhere" / "evidence.json").read_text())["digest"]
    assert content["fairness"]["sex"]["groups"]["female"]["roc_auc"]["value"] is not None


@pytest.mark.parametrize(("limit", "expected"), [("<=0.9", 0), ("<=0.001", 3), (">=0.9", 1)])
def test_the_exit_code_is_the_verdict(folder: Path, fairmind: Any, limit: str, expected: int) -> None:
    gate = f"fairness.*.demographic_parity_difference{limit}"
    asked = ("audit", "people.csv", "--prediction", "decision", "--sensitive", "region", "--gate", gate)
    assert fairmind(*asked)[0] == expected


def test_no_gates_only_reports(folder: Path, fairmind: Any) -> None:
    code, out, _ = fairmind("audit", "people.csv", "--prediction", "decision", "--sensitive", "sex", "--no-gates")
    assert code == 0
    assert "Verdict" not in out


def test_gates_are_read_from_a_file_and_joint_counts_are_written_when_asked(folder: Path, fairmind: Any) -> None:
    Path("gates.yaml").write_text("- {name: mine, metric: fairness.*.demographic_parity_ratio, at_least: 0.01}\n")
    asked = ("audit", "people.csv", "--prediction", "decision", "--sensitive", "sex", "--gates", "gates.yaml")
    code, out, _ = fairmind(*asked, "--counts", "counts.parquet")
    assert code == 0
    assert "mine" in out
    assert read_joint_counts(Path("counts.parquet")).rows == 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv", "--prediction", "d", "--sensitive", "sex"], "there is no file absent.csv"),
        (["people.csv", "--prediction", "decision"], "Name at least one column with --sensitive"),
        (["people.csv", "--sensitive", "sex"], "there are no decisions"),
        (["people.csv", "--prediction", "decison", "--sensitive", "sex"], "did you mean 'decision'?"),
        (["people.csv", "--prediction", "score", "--sensitive", "sex"], "holds probabilities, not outcomes"),
        (["people.csv", "--prediction", "decision", "--sensitive", "id", "--minimum-group-size", "1"], "mean 'id'"),
        (["people.csv", "--prediction", "decision", "--sensitive", "sex", "--no-gates", "--gate", "x<=1"], "beside"),
        (["people.csv", "--prediction", "decision", "--sensitive", "sex", "--output", "people.csv"], "is a file"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    folder: Path, fairmind: Any, arguments: list[str], message: str
) -> None:
    if message == "mean 'id'":
        written(folder / "people.csv", decisions(1_200))
        message = "the column 'id' has more than 1,000 distinct values"
    code, out, err = fairmind("audit", *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert [path.name for path in folder.iterdir()] == ["people.csv"]
    code, out, _ = fairmind("audit", *arguments, "--json")
    assert json.loads(out)["exit_code"] == code == 2


def test_lists_may_hold_quoted_commas_and_be_given_in_pieces() -> None:
    assert names_of(['a, b,"c, d"', "e"], "--sensitive") == ("a", "b", "c, d", "e")
    assert names_of(None, "--sensitive") == ()
    with pytest.raises(BadInputError, match="has an empty entry"):
        names_of(["a,,b"], "--sensitive")
    with pytest.raises(BadInputError, match="names 'a' twice"):
        names_of(["a", "a"], "--sensitive")
    with pytest.raises(BadInputError, match="is not a list on one line"):
        names_of(["a\nb"], "--sensitive")


def test_bands_and_references_name_their_column() -> None:
    assert attribute_bands(["age=25,45", "a=b=1.5"]) == {"age": (25.0, 45.0), "a=b": (1.5,)}
    assert reference_groups(["sex=male", "age=>=45"]) == {"sex": "male", "age": ">=45"}
    for text in ("age", "age=", "=25", "age=old"):
        with pytest.raises(BadInputError, match="is not a column with lower bounds"):
            attribute_bands([text])
    with pytest.raises(BadInputError, match="names 'age' twice"):
        attribute_bands(["age=1", "age=2"])
    for text in ("sex", "sex=", "=male"):
        with pytest.raises(BadInputError, match="is not an attribute with a group"):
            reference_groups([text])


def test_a_separator_is_one_character() -> None:
    assert (separator_of(None), separator_of("tab"), separator_of("\\t"), separator_of(";")) == (None, "\t", "\t", ";")
    for text in ("::", "", '"', "\0", "×", "\n"):
        with pytest.raises(BadInputError, match="is one character"):
            separator_of(text)


def test_gates_are_none_where_the_default_ones_are_meant() -> None:
    assert chosen_gates(None, None, none=False) is None
    assert chosen_gates(None, None, none=True) == ()


def test_names_from_the_file_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    content = {"groups": {"[red]x[/red]": {"n": 1, "judged": False, "selection_rate": {"value": 0.5, "n": 1}}}}
    Console(width=100).print(groups_table("[bold]a", content))
    printed = capsys.readouterr().out
    assert "[red]x[/red] (not judged)" in printed
    assert "[bold]a" in printed


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with audit_progress(quiet=True) as tell:
        tell("counting", 0.5)
        tell("counting", 1.0)
    assert capsys.readouterr() == ("", "")


def test_help_names_every_option_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fairmind', 'audit', '--help']\n"
        "from apps.ml.command_line import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'pandas', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip().endswith("[]")
    assert all(option in printed for option in ("--prediction", "--favourable", "--bands", "--leave-out-missing"))
