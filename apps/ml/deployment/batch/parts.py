"""The folder of parts: what is done survives a kill, and is joined only with what belongs to it.

`state.json` says of which input, model and job the parts are. A part `000007` is three files: `.part` (its rows of the
output), `.misfits` (rows that were set aside, if any) and, written last, `.json`; without a whole `.json` it does not
count. A lock keeps a second run of the same job away; it ends with the process that holds it.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from apps.ml.deployment.batch.findings import MisfitCount
from apps.ml.deployment.batch.piece_scoring import Part
from apps.ml.errors import BadInputError
from apps.ml.files import read_json

FORMAT = 1
STATE_FILE, LOCK_FILE, JOINED_FILE = "state.json", "lock", "joined"
OWN_NAMES = re.compile(r"(state\.json|lock|joined|\d{6,}\.(part|misfits|json))(\.tmp)?")

Start = Literal["resume", "restart"]


@dataclass(frozen=True)
class PartFacts:
    """What `.json` says of one part."""

    number: int
    rows: int
    scored: int
    bytes: int
    misfit_bytes: int
    counts: tuple[MisfitCount, ...]


class PartsFolder:
    """Parts of one job. `done` holds those that are whole; `total` is their number once the input's end was seen.

    `scorer`: the name of what computes every part.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], scorer: str) -> None:
        self.folder = folder
        self.scorer = scorer
        self.done: dict[int, PartFacts] = {}
        self.total: int | None = None
        self._identity = dict(identity)

    @property
    def is_complete(self) -> bool:
        """Whether every part is there."""
        return self.total is not None and len(self.done) == self.total

    def path(self, number: int, ending: str) -> Path:
        """Return the path of one file of a part: `part`, `misfits` or `json`."""
        return self.folder / f"{number:06d}.{ending}"

    def keep(self, part: Part) -> None:
        """Write a part so that it outlives a kill or a power failure from here on."""
        self._write(self.path(part.number, "part"), part.content)
        if part.misfits:
            self._write(self.path(part.number, "misfits"), part.misfits)
        facts = PartFacts(part.number, part.rows, part.scored, len(part.content), len(part.misfits), part.counts)
        content = {**facts.__dict__, "counts": [count.to_dict() for count in part.counts]}
        self._write(self.path(part.number, "json"), json.dumps(content).encode())
        self.done[part.number] = facts

    def note_end(self, total: int) -> None:
        """Note how many parts there are in all."""
        self.total = total
        self.write_state()

    def write_state(self) -> None:
        """Write what the parts are made of."""
        content = {"format": FORMAT, **self._identity, "scorer": self.scorer, "parts": self.total}
        self._write(self.folder / STATE_FILE, json.dumps(content, indent=2, ensure_ascii=False).encode())

    def read_parts(self) -> None:
        """Find the parts that are whole."""
        for path in sorted(self.folder.glob("*.json")):
            facts = None if path.name == STATE_FILE else self._read_facts(path)
            if facts is not None:
                self.done[facts.number] = facts

    def remove(self) -> None:
        """Remove the folder; nothing in it is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_facts(self, path: Path) -> PartFacts | None:
        try:
            content = read_json(path)
            counts = tuple(MisfitCount.from_dict(count) for count in content["counts"])
            facts = PartFacts(**{**content, "counts": counts})
            sizes = (self.path(facts.number, "part").stat().st_size, self._size_of_misfits(facts.number))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return facts if sizes == (facts.bytes, facts.misfit_bytes) else None

    def _size_of_misfits(self, number: int) -> int:
        path = self.path(number, "misfits")
        return path.stat().st_size if path.exists() else 0

    def _write(self, path: Path, content: bytes) -> None:
        temporary = path.with_name(path.name + ".tmp")
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)


@contextmanager
def opened_parts(folder: Path, identity: Mapping[str, Any], scorer: str, start: Start) -> Iterator[PartsFolder]:
    """Yield the parts that are there, locked against other runs; a folder that holds no part afterwards is removed.

    `scorer`: what computes the parts, unless some are there that another one computed.

    Raises
    ------
    BadInputError
        The folder holds something else or parts of another input, model or job; or another run is at work.
    """
    _require_own(folder)
    _make(folder)
    with (folder / LOCK_FILE).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInputError(
                f"another run of this command works on {folder}. Wait for its end, or name another OUT."
            ) from None
        parts = PartsFolder(folder, identity, scorer)
        if start == "restart":
            _empty(folder)
        _take_up(parts, identity)
        try:
            yield parts
        finally:
            if not parts.done:
                parts.remove()


def _take_up(parts: PartsFolder, identity: Mapping[str, Any]) -> None:
    state = _state(parts.folder)
    if state is None:
        _empty(parts.folder)
        parts.write_state()
        return
    _require_same(parts.folder, state, identity)
    parts.total, parts.scorer = state["parts"], state["scorer"]
    parts.read_parts()


def _state(folder: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = read_json(folder / STATE_FILE)
    except (OSError, ValueError):
        return None
    return content


def _require_same(folder: Path, state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    wanted = {"format": FORMAT, **identity}
    different = [key for key in wanted if state.get(key) != wanted[key]]
    if not different:
        return
    options = state.get("options", {})
    changed = [name for name, value in identity["options"].items() if options.get(name) != value]
    said = ", ".join(changed) if different == ["options"] else ", ".join(f"the {key}" for key in different)
    raise BadInputError(
        f"{folder} holds parts that do not belong to this run: {said} changed since they were made. Run the command "
        "with --restart to begin anew, or as it was to go on."
    )


def _require_own(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is in the way: the parts of OUT would lie there. Move it, or name another OUT.")
    strangers = [path for path in folder.iterdir() if not OWN_NAMES.fullmatch(path.name)] if folder.exists() else []
    if strangers:
        raise BadInputError(
            f"{folder} holds what no run has put there ({len(strangers)} files). Move it, or name another OUT."
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        (folder / LOCK_FILE).touch()
    except OSError as error:
        raise BadInputError(
            f"{folder} cannot be written ({error.strerror}). Make room or give the right, or name another OUT."
        ) from error


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != LOCK_FILE:
            path.unlink()
