import json
from pathlib import Path

import pytest

from apps.ml.errors import BadInputError
from apps.ml.experiments.dvc_cache import open_cache
from apps.ml.experiments.fingerprint import dvc_digest


def repository(root: Path) -> Path:
    """A DVC repository whose configuration places the cache elsewhere."""
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text(f"[core]\n    no_scm = True\n[cache]\n    dir = {root}/elsewhere\n")
    return root


def keep(root: Path, folder: Path) -> str:
    """Put a folder into the cache as DVC lays it out, and return its digest."""
    digest, place = dvc_digest(folder), root / "elsewhere" / "files" / "md5"
    files = {file.name: dvc_digest(file) for file in folder.iterdir()}
    contents = {each: (folder / name).read_bytes() for name, each in files.items()}
    listing = [{"md5": each, "relpath": name} for name, each in sorted(files.items())]
    for each, content in {**contents, digest: json.dumps(listing).encode()}.items():
        (place / each[:2]).mkdir(parents=True, exist_ok=True)
        (place / each[:2] / each[2:]).write_bytes(content)
    return digest


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, str]:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "test.parquet").write_text("rows")
    root = repository(tmp_path / "repository")
    return root, keep(root, tmp_path / "out")


def test_a_file_of_an_earlier_output_is_found_where_the_cache_is_configured(kept: tuple[Path, str]) -> None:
    root, digest = kept
    path = open_cache(root).file_in(digest, "test.parquet")
    assert path is not None
    assert path.read_text() == "rows"


def test_what_the_cache_does_not_hold_is_none(kept: tuple[Path, str], tmp_path: Path) -> None:
    root, digest = kept
    assert open_cache(root).file_in(digest, "train.parquet") is None
    assert open_cache(root).file_in("0" * 32 + ".dir", "test.parquet") is None
    assert open_cache(tmp_path).file_in(digest, "test.parquet") is None


def test_damaged_bytes_are_refused(kept: tuple[Path, str]) -> None:
    root, digest = kept
    path = open_cache(root).file_in(digest, "test.parquet")
    assert path is not None
    path.write_text("other")
    with pytest.raises(BadInputError, match=r"is damaged. Remove it and run `dvc pull`"):
        open_cache(root).file_in(digest, "test.parquet")
