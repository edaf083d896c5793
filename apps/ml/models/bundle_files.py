"""The files of a bundle: written as a whole folder, listed with their digests, checked before they are read."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.ml.errors import BundleError
from apps.ml.files import sha256_of_file, write_text

FORMAT = 2
READABLE_FORMATS = (1, 2)
MANIFEST_FILE = "manifest.json"


@contextmanager
def whole_folder(folder: Path, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`; on success it takes that name, on error it is removed.

    Raises
    ------
    BundleError
        `folder` exists and is not to be replaced.
    """
    if folder.exists() and not replace:
        raise BundleError(f"{folder} exists already. Remove it or choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_exact_json(path: Path, content: Any) -> None:
    """Write JSON whose floats come back bit for bit (reports round theirs; a threshold must not be rounded)."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def read_exact_json(path: Path) -> Any:
    """Read JSON; :class:`BundleError` names the file that is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} does not exist. Train the model or fetch it again.") from None
    except (ValueError, RecursionError):
        raise BundleError(f"{path} is not JSON. Train the model or fetch it again.") from None


def write_manifest(folder: Path) -> None:
    """List every file of `folder` with its sha256 beside the number of the format."""
    files = {name: sha256_of_file(folder / name) for name in _names(folder)}
    write_exact_json(folder / MANIFEST_FILE, {"format": FORMAT, "files": files})


def check_manifest(folder: Path) -> None:
    """Compare the folder with its manifest.

    Raises
    ------
    BundleError
        No manifest; a format that this code does not read; a file that is missing, changed or not listed.
    """
    listed = _listed_files(folder)
    present = _names(folder)
    for name in sorted(set(listed) - set(present)):
        raise BundleError(f"{folder}: {name} is missing. Fetch the bundle again.")
    for name in sorted(set(present) - set(listed)):
        raise BundleError(f"{folder}: {name} is not listed in {MANIFEST_FILE}. Remove it or fetch the bundle again.")
    for name, digest in listed.items():
        if sha256_of_file(folder / name) != digest:
            raise BundleError(f"{folder}: {name} was changed: its sha256 differs. Fetch the bundle again.")


def _listed_files(folder: Path) -> dict[str, str]:
    manifest = read_exact_json(folder / MANIFEST_FILE)
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if number not in READABLE_FORMATS:
        readable = ", ".join(str(one) for one in READABLE_FORMATS)
        raise BundleError(
            f"{folder} has bundle format {number}; this code reads {readable}. "
            "Use the version of FairMind that wrote it, or train the model again."
        )
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise BundleError(f"{folder}: {MANIFEST_FILE} lists no files. Fetch the bundle again.")
    return files


def _names(folder: Path) -> list[str]:
    """Relative names of all files but the manifest, in order."""
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) != MANIFEST_FILE)
