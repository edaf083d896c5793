"""OpenML: metadata, the file it names, ARFF as text; against a real server on this machine."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from apps.ml.data.declaration import OpenMLSource, Reading
from apps.ml.data.sources.arff import parse_arff
from apps.ml.data.sources.openml import read
from apps.ml.errors import ServiceUnavailableError, SourceError
from apps.ml.tests.local_server import LocalServer, closed_port, serving

ARFF = """% A comment
@RELATION credit

@ATTRIBUTE duration INTEGER
@ATTRIBUTE 'checking status' {'<0', "no checking"}
@attribute "class" {good,bad}
@DATA
6,'<0',good
% another comment
?,"no checking", bad
12, '?' , good
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_CACHE_DIR", str(tmp_path / "cache"))


def source(content: bytes) -> OpenMLSource:
    return OpenMLSource(kind="openml", data_id=31, sha256=hashlib.sha256(content).hexdigest())


def describe(server: LocalServer, **addresses: str) -> None:
    described = {key: f"{server.address}{path}" for key, path in addresses.items()}
    server.answers["/api/v1/json/data/31"] = json.dumps({"data_set_description": {"id": "31", **described}}).encode()


def test_a_data_set_is_found_by_its_number_and_read_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/data/31.arff": ARFF.encode()}) as server:
        describe(server, url="/data/31.arff")
        monkeypatch.setenv("OPENML_SERVER", server.address + "/")
        table = read(source(ARFF.encode()), Reading())
        read(source(ARFF.encode()), Reading())
        assert server.asked == ["/api/v1/json/data/31", "/data/31.arff"]
    assert list(table.frame) == ["duration", "checking status", "class"]
    assert table.frame["checking status"].tolist() == ["<0", "no checking", "?"]
    assert table.frame["duration"].isna().tolist() == [False, True, False]
    assert table.frame["class"].tolist() == ["good", "bad", "good"]
    assert table.digest == source(ARFF.encode()).sha256


def test_the_parquet_file_is_taken_where_it_is_the_pinned_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"duration": [6, 12]}).to_parquet(tmp_path / "31.pq")
    content = (tmp_path / "31.pq").read_bytes()
    with serving({"/31.arff": ARFF.encode(), "/31.pq": content}) as server:
        describe(server, url="/31.arff", parquet_url="/31.pq")
        monkeypatch.setenv("OPENML_SERVER", server.address)
        assert read(source(content), Reading()).frame["duration"].tolist() == ["6", "12"]


def test_a_file_that_is_not_the_pinned_one_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"/31.arff": ARFF.encode()}) as server:
        describe(server, url="/31.arff")
        monkeypatch.setenv("OPENML_SERVER", server.address)
        with pytest.raises(SourceError, match=f"has sha256 {source(ARFF.encode()).sha256}.*nothing was kept"):
            read(source(b"other"), Reading())
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("answer", [b"{}", b"not json", b'{"data_set_description": {"id": "31"}}', b"[]"])
def test_metadata_that_names_no_file_is_refused(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/api/v1/json/data/31": answer}) as server:
        monkeypatch.setenv("OPENML_SERVER", server.address)
        with pytest.raises(SourceError, match=r"names no file\. Check `source\.data_id` \(31\)"):
            read(source(b"x"), Reading())


def test_an_unknown_number_and_an_unreachable_server_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as server:
        monkeypatch.setenv("OPENML_SERVER", server.address)
        with pytest.raises(ServiceUnavailableError, match=r"status 404.*put the ARFF or Parquet file"):
            read(source(b"x"), Reading())
    monkeypatch.setenv("OPENML_SERVER", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(ServiceUnavailableError, match=r"cannot be reached.*OPENML_SERVER"):
        read(source(b"x"), Reading())


def test_quotes_and_escapes_of_arff_are_understood() -> None:
    text = "@relation r\n@attribute 'it\\'s' string\n@attribute b string\n@data\n'a, \\'b\\'',\"c\\\"d\"\r\n,x y\n"
    frame = parse_arff(text, "here")
    assert list(frame) == ["it's", "b"]
    assert frame["it's"].tolist() == ["a, 'b'", ""]
    assert frame["b"].tolist() == ['c"d', "x y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "is not ARFF"),
        ("@attribute a real\n@attribute a real\n@data\n1,2\n", r"more than once: 'a'"),
        ("@attribute a real\n@attribute b real\n@data\n1,2\n1\n", "line 5: 1 values; expected 2"),
        ("@attribute a real\n@data\n{0 1}\n", "line 3: sparse ARFF is not read"),
        ("@attribute a string\n@data\n'open\n", "expected 1"),
    ],
)
def test_a_broken_arff_file_is_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        parse_arff(text, "here")
