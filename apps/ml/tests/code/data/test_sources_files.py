"""Files: where they are looked for, that they are the pinned ones, Parquet, several files in one data set."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from apps.ml.data.declaration import FileEntry, FilesSource, Reading
from apps.ml.data.sources.cache import cached_path
from apps.ml.data.sources.files import locate, read, read_file
from apps.ml.errors import ServiceUnavailableError, SourceError
from apps.ml.tests.local_server import closed_port, serving

TABLE = b"age,repaid\n30,yes\n41,no\n"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repository").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "repository"))
    monkeypatch.setenv("FAIRMIND_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FAIRMIND_DATA_DIR", raising=False)


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_looked_for_in_the_data_folder_then_the_repository_then_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = FileEntry(path="sub/table.csv", sha256=digest(TABLE))
    cached = put(cached_path(entry.sha256), TABLE)
    assert locate(entry) == cached
    in_repository = put(tmp_path / "repository" / "sub" / "table.csv", TABLE)
    assert locate(entry) == in_repository
    in_data_folder = put(tmp_path / "data" / "sub" / "table.csv", TABLE)
    monkeypatch.setenv("FAIRMIND_DATA_DIR", "../data")
    assert locate(entry) == in_data_folder


def test_a_wrong_sha256_is_refused_and_both_digests_are_named(tmp_path: Path) -> None:
    put(tmp_path / "repository" / "table.csv", TABLE + b"52,yes\n")
    with pytest.raises(SourceError, match=f"{digest(TABLE + b'52,yes' + bytes([10]))}.*pins {digest(TABLE)}"):
        locate(FileEntry(path="table.csv", sha256=digest(TABLE)))


def test_an_absent_file_without_address_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no `url` is declared\. Put the file table\.csv .*FAIRMIND_DATA_DIR"):
        locate(FileEntry(path="table.csv", sha256=digest(TABLE)))


def test_an_absent_file_is_fetched_once_and_kept_whole() -> None:
    with serving({"/table.csv": TABLE}) as server:
        entry = FileEntry(path="table.csv", sha256=digest(TABLE), url=f"{server.address}/table.csv")
        assert locate(entry).read_bytes() == TABLE
        assert locate(entry) == cached_path(entry.sha256)
        assert server.asked == ["/table.csv"]


def test_a_download_with_the_wrong_sha256_is_refused_and_not_kept(tmp_path: Path) -> None:
    with serving({"/table.csv": b"something else"}) as server:
        entry = FileEntry(path="table.csv", sha256=digest(TABLE), url=f"{server.address}/table.csv")
        with pytest.raises(SourceError, match=f"has sha256 {digest(b'something else')}.*nothing was kept"):
            locate(entry)
    assert files_in(tmp_path / "cache") == []


def test_a_damaged_file_in_the_cache_is_fetched_again() -> None:
    put(cached_path(digest(TABLE)), b"damaged")
    with serving({"/table.csv": TABLE}) as server:
        entry = FileEntry(path="table.csv", sha256=digest(TABLE), url=f"{server.address}/table.csv")
        assert locate(entry).read_bytes() == TABLE


def test_an_address_without_the_file_is_a_service_that_does_not_answer(tmp_path: Path) -> None:
    with serving({}) as server:
        entry = FileEntry(path="table.csv", sha256=digest(TABLE), url=f"{server.address}/gone.csv")
        with pytest.raises(ServiceUnavailableError, match=r"status 404\. Put the file table\.csv"):
            locate(entry)
    assert files_in(tmp_path / "cache") == []


def test_an_unreachable_address_says_how_to_provide_the_file_by_hand(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/table.csv"
    with pytest.raises(ServiceUnavailableError, match=r"cannot be reached .*Put the file table\.csv") as caught:
        locate(FileEntry(path="table.csv", sha256=digest(TABLE), url=url))
    assert caught.value.exit_code == 4
    assert files_in(tmp_path / "cache") == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/table.csv", "no address", "http://[half"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ServiceUnavailableError, match="cannot be reached"):
        locate(FileEntry(path="table.csv", sha256=digest(TABLE), url=url))


def test_a_parquet_file_gives_the_same_text_as_a_csv_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "x": [1.0, None], "b": [True, False], "t": ["a", None]})
    frame.to_parquet(tmp_path / "table.parquet")
    (tmp_path / "table.csv").write_text("n,x,b,t\n1,1,true,a\n2,,false,\n", encoding="utf-8")
    from_parquet = read_file(tmp_path / "table.parquet", Reading(format="parquet"))
    pd.testing.assert_frame_equal(from_parquet, read_file(tmp_path / "table.csv", Reading()))


def test_a_parquet_file_that_is_broken_empty_or_none_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"a": range(100)}).to_parquet(whole)
    for content in (whole.read_bytes()[:-20], whole.read_bytes()[:50], TABLE):
        with pytest.raises(SourceError, match=r"cannot be read as Parquet.*Fetch the whole file"):
            read_file(put(tmp_path / "broken.parquet", content), Reading(format="parquet"))
    with pytest.raises(SourceError, match="is empty; expected a Parquet file"):
        read_file(put(tmp_path / "empty.parquet", b""), Reading(format="parquet"))


def test_a_damaged_page_inside_a_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": [f"text {number}" for number in range(1000)]}).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        read_file(put(tmp_path / "damaged.parquet", bytes(content)), Reading(format="parquet"))


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": pd.Series([], dtype="int64")}).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(SourceError, match="no rows"):
        read_file(tmp_path / "none.parquet", Reading(format="parquet"))


def test_several_files_are_put_below_each_other_and_rows_know_their_origin(tmp_path: Path) -> None:
    second = b"age,repaid\n52,yes\n"
    put(tmp_path / "repository" / "a.csv", TABLE)
    put(tmp_path / "repository" / "b.csv", second)
    entries = (
        FileEntry(path="a.csv", sha256=digest(TABLE), origin="train"),
        FileEntry(path="b.csv", sha256=digest(second)),
    )
    table = read(FilesSource(kind="files", files=entries), Reading())
    assert table.frame["age"].tolist() == ["30", "41", "52"]
    assert table.origin.tolist() == ["train", "train", ""]
    assert table.digest == digest(f"{digest(TABLE)}\n{digest(second)}".encode())
    assert read(FilesSource(kind="files", files=entries[:1]), Reading()).digest == digest(TABLE)


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    second = b"age,paid\n52,yes\n"
    put(tmp_path / "repository" / "a.csv", TABLE)
    put(tmp_path / "repository" / "b.csv", second)
    entries = (FileEntry(path="a.csv", sha256=digest(TABLE)), FileEntry(path="b.csv", sha256=digest(second)))
    with pytest.raises(SourceError, match=r"b\.csv does not have the columns of a\.csv: paid, repaid"):
        read(FilesSource(kind="files", files=entries), Reading())
