"""CSV files: every value as it was written, every irregularity an error that names the place."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ml.data.declaration import Reading
from apps.ml.data.sources.csv_text import read_csv
from apps.ml.data.sources.files import read_file
from apps.ml.errors import SourceError


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_values_stay_as_they_were_written(tmp_path: Path) -> None:
    frame = read_csv(written(tmp_path, "a,b\n007,1.50\nNA,null\n1e3,\n"), Reading())
    assert frame["a"].tolist() == ["007", "NA", "1e3"]
    assert frame["b"].tolist() == ["1.50", "null", ""]
    assert {str(dtype) for dtype in frame.dtypes} == {"str"}


def test_only_the_declared_texts_are_missing(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n-1,NA\n-1.0,\nx,?\n")
    frame = read_file(path, Reading(missing=("-1", "?")))
    assert frame["a"].isna().tolist() == [True, False, False]
    assert frame["b"].isna().tolist() == [False, False, True]
    assert not read_file(path, Reading(missing=())).isna().any(axis=None)


def test_a_file_without_header_takes_the_declared_names(tmp_path: Path) -> None:
    frame = read_csv(written(tmp_path, "1 2\n3 4\n"), Reading(header=False, names=("a", "b"), separator=" "))
    assert frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}


def test_comment_lines_blanks_and_suffixes_are_taken_off(tmp_path: Path) -> None:
    reading = Reading(
        header=False, names=("n", "y"), comment_lines=("|",), skip_initial_space=True, strip_suffix={"y": "."}
    )
    frame = read_file(written(tmp_path, "|1x3 Cross validator\n1, <=50K.\n\n2, >50K.\n"), reading)
    assert frame["y"].tolist() == ["<=50K", ">50K"]


def test_a_byte_order_mark_does_not_become_part_of_a_name(tmp_path: Path) -> None:
    assert list(read_csv(written(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n"), Reading())) == ["a", "b"]


def test_quoted_separators_and_line_breaks_stay_in_their_field(tmp_path: Path) -> None:
    frame = read_csv(written(tmp_path, 'a,b\n"x, y","two\nlines"\n"say ""so""",2\n'), Reading())
    assert frame["a"].tolist() == ["x, y", 'say "so"']
    assert frame["b"].tolist() == ["two\nlines", "2"]


@pytest.mark.parametrize(
    ("content", "reading", "message"),
    [
        (b"", Reading(), "is empty"),
        (b"\n \n", Reading(), "is empty"),
        (b"a,b\n", Reading(), "no rows. Put the whole file there"),
        (b"|nothing\n", Reading(header=False, names=("a",), comment_lines=("|",)), "no rows"),
        (b"a,b,a\n1,2,3\n", Reading(), r"more than once: 'a' \(2 times\)"),
        (b"a,,c\n1,2,3\n", Reading(), "no name for column 2 of 3"),
        (
            b"a,b\n1,2\n3\n4,5,6\n",
            Reading(),
            "2 lines with the wrong number .* expected 2 .* line 3 has 1, line 4 has 3",
        ),
        (b"1,2\n", Reading(header=False, names=("a", "b", "c")), "expected 3 as in `reading.names`, but line 1 has 2"),
        (b"1,2\n", Reading(header=False, names=("a", "a")), "more than once"),
        (b"a,b\n1,caf\xe9\n", Reading(), r"encoding 'utf-8' \(line 2, byte 9\)"),
        (b"a,b\n1,2\n", Reading(encoding="utf-9"), "'utf-9' is not the name of an encoding"),
        ("a,b\n1,2\n".encode("utf-16-le"), Reading(), "holds zero bytes"),
        (b'a,b\n1,"2\n3,4\n', Reading(), "never closed"),
    ],
)
def test_an_irregular_file_is_refused_with_the_place(
    tmp_path: Path, content: bytes, reading: Reading, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read_csv(written(tmp_path, content), reading)


def test_an_error_never_quotes_values(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 2 has 3") as caught:
        read_csv(written(tmp_path, "name,age\nMiller,Anna,42\n"), Reading())
    assert "Miller" not in str(caught.value)


def test_a_suffix_of_an_absent_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="column 'incme', which is not there; did you mean 'income'"):
        read_file(written(tmp_path, "income,b\n1,2\n"), Reading(strip_suffix={"incme": "."}))


@given(rows=st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))] * 3), min_size=1))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_csv_writer_writes_is_read_back(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    frame = read_csv(written(tmp_path, stream.getvalue()), Reading())
    assert list(frame.itertuples(index=False, name=None)) == rows
