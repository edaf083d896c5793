"""What one request may cost: bytes, time, memory, places; and nothing of it stays."""

import io
import os
import resource
import signal
from asyncio.subprocess import Process
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.ml.evidence_service.audits import children
from apps.ml.tests.audited_files import decisions
from apps.ml.tests.code.evidence_service.audits.served_audits import (
    ASKED,
    CSV,
    PARQUET,
    UNLABELLED,
    Served,
    answer_on,
    asking,
    code_of,
    endless,
    is_gone,
    served,
    started,
    until,
)

MEBIBYTE = 2**20
SMALL = b"decision,sex\n" + b"1,f\n0,m\n" * 50


def test_a_length_beyond_the_bound_is_refused_before_a_byte_is_sent(service: Served) -> None:
    head = "POST /v1/audits?prediction=d&sensitive=s HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
    with service.connect() as connection:
        connection.sendall(f"{head}Content-Length: 2147483648\r\n\r\n".encode())
        # Whoever waited for the body would answer that it is slow.
        assert answer_on(connection) == (413, "body_too_large")
    assert service.stored() == []


def test_what_the_headers_say_is_looked_at_before_the_body(service: Served) -> None:
    for headers, refused in (
        ({"Content-Type": "application/json"}, (415, "content_type")),
        ({"Content-Type": "text/csv; charset=latin-1"}, (415, "content_type")),
        ({"Content-Type": "text/csv; header=absent"}, (415, "content_type")),
        ({**CSV, "Content-Encoding": "gzip"}, (415, "content_encoding")),
        ({}, (415, "content_type")),
    ):
        assert code_of(service.client.post("/v1/audits", params=ASKED, content=SMALL, headers=headers)) == refused
    for path in ("/v1/audits", "/v1/tables"):
        answer = service.client.post(path, params={"sensitivity": "x"}, content=SMALL, headers=CSV)
        assert code_of(answer) == (422, "options")
        assert answer.json()["error"]["findings"] == []
    assert service.client.get("/v1/audits").status_code == 405


def test_a_body_that_is_not_what_it_is_called_is_refused(service: Served) -> None:
    for body, headers, refused in (
        (b"\x1f\x8b\x08\x00" + b"\0" * 100, CSV, (415, "content_type")),
        (b"PAR1" + b"\0" * 100, CSV, (415, "content_type")),
        (SMALL, PARQUET, (415, "content_type")),
        (b"", CSV, (422, "misfit")),
    ):
        assert code_of(service.client.post("/v1/audits", params=ASKED, content=body, headers=headers)) == refused
    assert service.stored() == []


BEGUN = b"POST /v1/tables HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 500\r\n\r\ndecision"
"""A request whose body does not go on."""


def test_bodies_are_bounded_by_counting_and_stored_for_nobody_else(tmp_path: Path) -> None:
    with served(tmp_path / "private", body_bytes=MEBIBYTE) as service:
        pieces = (b"a" * 65_536 for _ in range(100))
        answer = service.client.post("/v1/audits", params=ASKED, content=pieces, headers=CSV)
        assert code_of(answer) == (413, "body_too_large")
        with service.connect() as connection:
            connection.sendall(BEGUN)
            until(service.stored)
            for folder in (service.folder, *service.folder.rglob("*")):
                if folder.is_dir():
                    assert folder.stat().st_mode & 0o777 == 0o700
        until(lambda: service.stored() == [])
    assert list((tmp_path / "private").iterdir()) == []


def test_bodies_are_bounded_in_time(tmp_path: Path) -> None:
    with served(tmp_path / "private", body_seconds=1) as service:
        with service.connect() as connection:
            connection.sendall(BEGUN)
            assert answer_on(connection) == (408, "slow_body")
        assert service.stored() == []
    assert list((tmp_path / "private").iterdir()) == []


def test_a_disk_without_room_is_told(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with served(tmp_path / "private") as service:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
        try:
            body = b"decision,sex\n" + b"1,f\n" * 500_000
            answer = service.client.post("/v1/audits", params=UNLABELLED, content=body, headers=CSV)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert code_of(answer) == (503, "no_room")
        assert int(answer.headers["retry-after"]) > 0
        assert service.stored() == []


class Noted(set[Process]):
    """Workers that run now; `numbers`: of all that ever did."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []

    def add(self, process: Process) -> None:
        self.numbers.append(process.pid)
        super().add(process)


def test_an_audit_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    noted = Noted()
    with served(tmp_path / "private", seconds=2) as service:
        service.desk.children = children.Children(noted)
        with asking(service.port, endless(), minimum_group_size=1) as connection:
            assert answer_on(connection) == (503, "audit_too_long")
        (process,) = noted.numbers
        assert is_gone(process)
        assert service.stored() == []


def outcomes(service: Served) -> set[str]:
    samples = [sample for metric in service.desk.metrics() for sample in metric.samples]
    return {sample.labels["outcome"] for sample in samples if "outcome" in sample.labels}


def test_a_caller_who_hangs_up_ends_the_audit(tmp_path: Path) -> None:
    with served(tmp_path / "private") as service:
        with asking(service.port, endless(), minimum_group_size=1):
            process = started(service)
            assert len(service.stored()) == 1
        until(lambda: is_gone(process))
        until(lambda: service.stored() == [])
        until(lambda: len(service.desk.children) == 0)
        until(lambda: outcomes(service))  # counted when everything of the request is gone
        assert outcomes(service) == {"gone"}


def test_one_is_computed_some_wait_and_the_rest_is_sent_away(tmp_path: Path) -> None:
    with served(tmp_path / "private", at_once=1, waiting=1) as service, ExitStack() as first:
        first.enter_context(asking(service.port, endless(), minimum_group_size=1))
        process = started(service)
        with asking(service.port, SMALL, gate="performance.nothing<=1") as second:
            until(lambda: len(service.stored()) == 2)
            answer = service.client.post("/v1/audits", params=UNLABELLED, content=SMALL, headers=CSV)
            assert code_of(answer) == (503, "busy")
            assert int(answer.headers["retry-after"]) > 0
            # A table has a turn of its own.
            assert service.client.post("/v1/tables", content=SMALL, headers=CSV).json()["rows"] == 100
            assert service.desk.children.processes() == [process]
            first.close()
            assert answer_on(second) == (422, "misfit")
        assert service.stored() == []


HELD = """
import runpy, sys, time
from pathlib import Path
while not Path({path!r}).exists():
    time.sleep(0.01)
runpy.run_module("apps.ml.evidence_service.audits.worker", run_name="__main__")
"""
"""A worker that begins once a file is there."""


def test_two_at_once_are_both_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = tmp_path / "begin"
    monkeypatch.setattr(children, "COMMAND", (children.COMMAND[0], "-c", HELD.format(path=str(begin))))
    with served(tmp_path / "private", at_once=2) as service, ThreadPoolExecutor(2) as pool:

        def ask(seed: int) -> int:
            body = decisions(200 + seed, seed).to_csv(index=False)
            address, patience = f"{service.client.base_url}/v1/audits", service.client.timeout
            answer = httpx.post(address, params=UNLABELLED, content=body, headers=CSV, timeout=patience)
            return int(answer.json()["rows"])

        asked = [pool.submit(ask, seed) for seed in (1, 2)]
        try:
            until(lambda: len(service.desk.children) == 2)
        finally:
            begin.touch()
        assert [answer.result() for answer in asked] == [201, 202]


def test_a_file_that_needs_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    """One text of a megabyte stands in every row: 2 gigabytes, once every row has its own."""
    column = pa.DictionaryArray.from_arrays(pa.nulls(2_000, pa.int8()).fill_null(0), pa.array(["a" * MEBIBYTE]))
    body = io.BytesIO()
    pq.write_table(pa.table({"decision": pa.array([1] * 2_000), "sex": column}), body, store_schema=False)
    assert len(body.getvalue()) < 2 * MEBIBYTE
    with served(tmp_path / "private", memory_bytes=700 * MEBIBYTE) as service:
        answer = service.client.post("/v1/audits", params=UNLABELLED, content=body.getvalue(), headers=PARQUET)
        assert code_of(answer) == (422, "too_much_memory")
        assert "734,003,200 bytes" in answer.json()["error"]["message"]
        assert service.stored() == []


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_file_that_ends_its_reader_is_unreadable(service: Served, number: int) -> None:
    with asking(service.port, endless(), minimum_group_size=1) as connection:
        os.kill(started(service), number)
        assert answer_on(connection) == (422, "unreadable_table")


def test_a_worker_that_the_machine_kills_is_no_fault_of_the_file(service: Served) -> None:
    with asking(service.port, endless(), minimum_group_size=1) as connection:
        os.kill(started(service), signal.SIGKILL)
        assert answer_on(connection) == (503, "audit_ended")


def test_a_worker_that_fails_is_told_by_a_number_alone(service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = 'import sys; sys.stdout.write(\'{"kind": "KeyError", "frames": "here"}\'); sys.exit(3)'
    monkeypatch.setattr(children, "COMMAND", (children.COMMAND[0], "-c", failing))
    answer = service.client.post("/v1/tables", content=SMALL, headers=CSV)
    assert code_of(answer) == (500, "internal_error")
    assert "here" not in answer.text
    assert service.stored() == []


def test_a_worker_has_nothing_of_the_services_surroundings(service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///secret")
    telling = "import json, os, sys; sys.stdin.readline(); sys.stdout.write(json.dumps(sorted(os.environ)))"
    monkeypatch.setattr(children, "COMMAND", (children.COMMAND[0], "-c", telling))
    told = set(service.client.post("/v1/tables", content=SMALL, headers=CSV).json())
    assert "PATH" in told
    assert "DATABASE_URL" not in told
    assert not any(name.startswith("FAIRMIND_") for name in told)
