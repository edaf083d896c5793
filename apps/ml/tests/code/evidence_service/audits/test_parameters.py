"""Query parameters mirror the options of the command, and messages speak of them by their own names."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from apps.ml.commands import audit as command
from apps.ml.errors import BadInputError, Finding
from apps.ml.evaluation import audit as audit_package
from apps.ml.evaluation.audit.written_options import WrittenOptions
from apps.ml.evidence_service.audits.parameter_names import as_parameters, findings_as_parameters
from apps.ml.evidence_service.audits.query import AuditQuery, TableQuery

OF_THE_COMMAND_ALONE = {"file", "gates", "output", "counts", "as_json"}
OF_THE_SERVICE_ALONE = {"record", "name"}
SOUND = [("prediction", "d"), ("sensitive", "sex")]


def test_every_option_of_the_command_is_a_parameter_with_its_default() -> None:
    options = inspect.signature(command.audit).parameters
    expected = {name: option.default for name, option in options.items() if name not in OF_THE_COMMAND_ALONE}
    fields = AuditQuery.model_fields
    assert PydanticUndefined not in {field.default for field in fields.values()}
    assert {name: field.default for name, field in fields.items() if name not in OF_THE_SERVICE_ALONE} == expected
    assert set(expected) | {"gates"} == set(WrittenOptions.__dataclass_fields__)


def test_parameters_become_the_options_that_the_command_makes_of_them() -> None:
    given = [*SOUND, ("sensitive", 'region,"a, b"'), ("bands", "region=1,2"), ("leave_out_missing", "true")]
    options = AuditQuery.read(given).options(Path("table.csv"))
    assert options.sensitive == ("sex", "region", "a, b")
    assert dict(options.bands) == {"region": (1.0, 2.0)}
    assert options.leave_out_missing
    assert options.gates is None
    assert AuditQuery.read([*SOUND, ("no_gates", "true")]).options(Path("table.csv")).gates == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("sensitiv", "x")], "no such parameter; did you mean 'sensitive'?"),
        ([("gates", "/etc/passwd")], "no such parameter"),
        ([("output", "elsewhere")], "no such parameter"),
        ([("label", "a"), ("label", "b")], "`label` is given twice"),
        ([("intersections", "5")], "`intersections`: Input should be less than or equal to 4"),
        ([("intersections", "two")], "`intersections`: Input should be a valid integer"),
        ([("confidence", "nan")], "`confidence`"),
        ([("threshold", "inf")], "`threshold`: Input should be a finite number"),
        ([("record", "perhaps")], "`record`"),
        ([("encoding", "utf-8\0")], "`encoding`"),
        ([("encoding", "a" * 41)], "`encoding`"),
        ([("name", "../../etc/passwd")], "`name`"),
        ([("name", ".hidden.csv")], "`name`"),
        ([("name", "table.csv.GZ")], "`name`: it is the plain name of a file that is not compressed"),
        ([("name", "é" * 150)], "`name`"),
        ([("sensitive", "a")] * 101, "`sensitive`"),
        ([("score_scale", "log")], "`score_scale`"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_named(given: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadInputError, match=re.escape(message)):
        AuditQuery.read(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "Name their column with `prediction`, or make them of scores with `score` and `threshold`"),
        ([("prediction", "d")], "Name at least one column with `sensitive`"),
        ([*SOUND, ("threshold", "0.5")], "`prediction` and `threshold` both say"),
        ([*SOUND, ("sensitive", "a,,b")], "`sensitive` has an empty entry"),
        ([*SOUND, ("sensitive", "a\nb")], "`sensitive` is not a list on one line"),
        ([*SOUND, ("bands", "age")], "`bands` 'age' is not a column with lower bounds"),
        ([*SOUND, ("separator", "::")], "`separator` is one character, for instance ';' or tab."),
        ([*SOUND, ("gate", "low")], "`gate` 'low' is not a limit"),
        ([*SOUND, ("gate", "a<=1"), ("no_gates", "true")], "`no_gates` stands beside gates"),
    ],
)
def test_options_that_contradict_each_other_are_told_as_parameters(given: Any, message: str) -> None:
    with pytest.raises(BadInputError, match=re.escape(message)) as refused:
        AuditQuery.read(given).options(Path("table.csv"))
    assert "--" not in str(refused.value)


def test_a_table_is_asked_for_with_what_reading_needs() -> None:
    assert set(TableQuery.model_fields) == {"separator", "encoding", "missing", "name"}
    with pytest.raises(BadInputError, match="`separator` is one character"):
        TableQuery.read([("separator", "::")]).require_readable()
    assert TableQuery.read([("missing", "none")]).missing_texts() == ("none",)


def spoken_options() -> Iterator[str]:
    """Every option that the text of the audit's modules speaks of."""
    for path in Path(str(audit_package.__file__)).parent.glob("*.py"):
        yield from re.findall(r"--([a-z]+(?:-[a-z]+)*)", path.read_text(encoding="utf-8"))


def test_every_option_that_a_message_can_speak_of_is_a_parameter() -> None:
    # Of what the command alone does nobody speaks here.
    spoken = {name.replace("-", "_") for name in spoken_options()} - {"gates", "output", "counts", "json", "help"}
    assert {"sensitive", "leave_out_missing", "score_scale", "bands"} <= spoken
    assert spoken <= set(AuditQuery.model_fields)


def test_findings_are_told_as_parameters_and_keep_their_facts() -> None:
    finding = Finding("missing", "see --label", "sex", 3, "a value; --leave-out-missing leaves rows out")
    (told,) = findings_as_parameters([finding])
    assert told == Finding("missing", "see `label`", "sex", 3, "a value; `leave_out_missing` leaves rows out")
    assert "--" not in as_parameters("Mend the path that --gate or the file of --gates names.")
