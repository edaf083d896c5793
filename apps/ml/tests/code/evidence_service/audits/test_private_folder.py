"""Bodies lie where nobody else may look, and not longer than their service, however it ends."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from apps.ml.errors import BadInputError
from apps.ml.evidence_service.audits.private_folder import PrivateFolder
from apps.ml.evidence_service.audits.settings import AuditSettings, audit_settings
from apps.ml.tests.code.evidence_service.audits.served_audits import asking, endless, is_gone, until

HOLDING = """
import sys
from pathlib import Path
from apps.ml.evidence_service.audits.private_folder import PrivateFolder
folder = PrivateFolder(Path(sys.argv[1]))
place = folder.place_of_one()
(Path(place.name) / "table.csv").write_text("rows of people")
print("stored", flush=True)
sys.stdin.read()
"""

SERVING = """
import sys
from pathlib import Path
from apps.ml.tests.code.evidence_service.audits.served_audits import served
with served(Path(sys.argv[1])) as service:
    print(service.port, flush=True)
    sys.stdin.read()
"""


def begun(code: str, common: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, str(common)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_what_a_killed_service_left_goes_at_the_next_start_and_what_is_in_use_stays(tmp_path: Path) -> None:
    common = tmp_path / "private"
    with begun(HOLDING, common) as killed, begun(HOLDING, common) as living:
        for process in (killed, living):
            assert process.stdout is not None
            assert process.stdout.readline() == "stored\n"
        killed.kill()
        killed.wait()
        assert len(list(common.rglob("table.csv"))) == 2
        folder = PrivateFolder(common)
        assert len(list(common.rglob("table.csv"))) == 1
        assert len(list(common.iterdir())) == 2
        folder.close()
        folder.close()
        assert len(list(common.iterdir())) == 1
        living.kill()
        living.wait()


def store_and_fail(folder: PrivateFolder) -> None:
    with folder.place_of_one() as place:
        (Path(place) / "table.csv").write_text("rows")
        assert Path(place).stat().st_mode & 0o777 == 0o700
        raise ValueError("in between")


def test_a_place_is_removed_whatever_happens(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path / "private")
    with pytest.raises(ValueError, match="in between"):
        store_and_fail(folder)
    assert list(folder.path.iterdir()) == []
    folder.close()


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "file").write_text("")
    for name in ("open", "link"):
        with pytest.raises(BadInputError, match="this user alone may enter"):
            PrivateFolder(tmp_path / name)
    with pytest.raises(BadInputError, match="cannot be made"):
        PrivateFolder(tmp_path / "file" / "below")


def test_a_folder_beside_that_is_none_of_a_service_is_left_alone(tmp_path: Path) -> None:
    common = tmp_path / "private"
    common.mkdir(mode=0o700)
    (common / "process-file").write_text("")
    (common / "process-link").symlink_to(tmp_path)
    (common / "other").mkdir()
    PrivateFolder(common).close()
    assert {path.name for path in common.iterdir()} == {"process-file", "process-link", "other"}


def test_a_killed_service_takes_its_worker_with_it(tmp_path: Path) -> None:
    with begun(SERVING, tmp_path / "private") as service:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        with asking(port, endless(), minimum_group_size=1):
            until(lambda: workers(service.pid))
            (worker,) = workers(service.pid)
            service.send_signal(signal.SIGKILL)
            service.wait()
            until(lambda: is_gone(worker))


def workers(process: int) -> list[int]:
    """Return the children of all threads of a process; a thread may end while they are read."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def test_settings_are_what_the_environment_says() -> None:
    assert audit_settings({}) == AuditSettings()
    assert audit_settings({}).folder.name == f"fairmind-audits-{os.getuid()}"
    given = {"FAIRMIND_AUDIT_BYTES": "1000", "FAIRMIND_AUDITS_AT_ONCE": " 3 ", "FAIRMIND_AUDIT_DIR": "/srv/audits"}
    found = audit_settings(given)
    assert (found.body_bytes, found.at_once, found.folder) == (1000, 3, Path("/srv/audits"))
    for name, value in (
        ("FAIRMIND_AUDIT_BYTES", "256MiB"),
        ("FAIRMIND_AUDIT_SECONDS", "0"),
        ("FAIRMIND_AUDITS_AT_ONCE", "-1"),
        ("FAIRMIND_AUDIT_MEMORY", "1000"),
        ("FAIRMIND_AUDIT_BODY_SECONDS", "1_000"),
        ("FAIRMIND_AUDITS_WAITING", "٣"),
    ):
        with pytest.raises(BadInputError, match=f"{name} is no whole number from"):
            audit_settings({name: value})
