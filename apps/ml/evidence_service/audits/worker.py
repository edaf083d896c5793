"""The process that reads one file: `python -m apps.ml.evidence_service.audits.worker`, a job on standard input.

It binds itself before it reads: address space, processor time, no core dump (which would hold the rows). It ends with
whoever started it: standard input stays open as long as somebody waits for the answer, and at its end the process
kills itself, whatever it is doing.
"""

import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.ml.errors import BadInputError, Finding
from apps.ml.evidence_service.audits.job import ANSWERED, FAILED, REFUSED, Job

UNPROCESSABLE = 422
SPARE_SECONDS = 30
"""Processor time beyond the wall time that the service allows: it should end the process first."""

LONGEST_MESSAGE = 2_000
"""Characters."""

NICENESS = 5
"""The process gives way to the service, which has others to answer."""


def main() -> None:
    """Do one job and exit with what came of it."""
    job = Job.read(sys.stdin.buffer.readline())
    _bind(job)
    threading.Thread(target=_end_with_input, daemon=True).start()
    # What libraries print must not stand in the answer.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    code, content = outcome_of(job)
    with os.fdopen(answers, "wb") as stream:
        stream.write(content)
    # Without the interpreter's end: it would free, part by part, memory that is gone in a moment anyway.
    os._exit(code)


def _bind(job: Job) -> None:
    os.nice(NICENESS)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, job.memory_bytes)
    _limit(resource.RLIMIT_CPU, job.seconds + SPARE_SECONDS)


def _limit(kind: int, most: int) -> None:
    """Set a limit for good, at what the system allows already where that is less."""
    _, allowed = resource.getrlimit(kind)
    bound = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(kind, (bound, bound))


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def outcome_of(job: Job) -> tuple[int, bytes]:
    """Return the exit code and what is to be written; nothing is raised. The job's folder becomes the current one."""
    try:
        content = json.dumps(_answer(job), ensure_ascii=False, allow_nan=False).encode("utf-8")
        if len(content) <= job.answer_bytes:
            return ANSWERED, content
        return _refused("answer_too_large", _too_large(job), ())
    except MemoryError:
        return _refused("too_much_memory", _too_much(job.memory_bytes), ())
    except BadInputError as error:
        return _bad_input(error)
    except Exception as error:  # noqa: BLE001 (whoever started this process logs it)
        # The error's own text may hold values and stays here.
        frames = "".join(traceback.format_tb(error.__traceback__))
        return FAILED, json.dumps({"kind": type(error).__name__, "frames": frames}).encode()


def _answer(job: Job) -> dict[str, Any]:
    """Read the file; it is named relative to its folder, so that no message says where it lies."""
    os.chdir(job.folder)
    path = Path(job.name)
    return _audited(path, job.query) if job.work == "audit" else _described(path, job.query)


def _audited(path: Path, written: dict[str, Any]) -> dict[str, Any]:
    from apps.ml.evaluation.audit.answer import audit_answer
    from apps.ml.evaluation.audit.assessment import audit
    from apps.ml.evaluation.audit.parquet_chunks import is_parquet
    from apps.ml.evidence_service.audits.query import AuditQuery

    query = AuditQuery.model_validate(written)
    options = query.options(path)
    if is_parquet(path):
        # Imported for Parquet alone: it brings the web framework with it.
        from apps.ml.evidence_service.audits.parquet_bounds import require_bounded_parquet

        require_bounded_parquet(path, [*options.text_columns, *options.number_columns])
    done = audit(options)
    return audit_answer(done) | ({"record": done.record} if query.record else {})


def _described(path: Path, written: dict[str, Any]) -> dict[str, Any]:
    from apps.ml.evidence_service.audits.described_table import describe_table
    from apps.ml.evidence_service.audits.query import TableQuery

    return describe_table(path, TableQuery.model_validate(written))


def _bad_input(error: BadInputError) -> tuple[int, bytes]:
    from apps.ml.evidence_service.audits.parameter_names import as_parameters, findings_as_parameters

    findings = findings_as_parameters(getattr(error, "findings", ()))
    # A message lists its findings on further lines; here they are data.
    message = as_parameters(str(error).partition("\n")[0])
    if findings and message.endswith(":"):
        message += " as `findings` lists."
    return _refused(getattr(error, "code", "misfit"), message, findings)


def _refused(code: str, message: str, findings: Sequence[Finding]) -> tuple[int, bytes]:
    if len(message) > LONGEST_MESSAGE:
        # Of a file with very many columns, a message that lists them; what repairs it stands at the end.
        message = f"{message[: LONGEST_MESSAGE // 2]} … {message[-LONGEST_MESSAGE // 4 :]}"
    content = {"code": code, "message": message, "findings": [finding.__dict__ for finding in findings]}
    return REFUSED, json.dumps(content, ensure_ascii=False).encode("utf-8")


def _too_much(memory_bytes: int) -> str:
    return (
        f"Reading this file takes more memory than the {memory_bytes:,} bytes of one audit. Name fewer columns, cross "
        "fewer attributes, put numbers into bands, or run `fairmind audit` where the file is."
    )


def _too_large(job: Job) -> str:
    repair = "Cross fewer attributes with `intersections`, or put numbers into bands."
    if job.work == "table":
        repair = "Send fewer columns, or shorten their names."
    return f"The answer is larger than {job.answer_bytes:,} bytes. {repair}"


if __name__ == "__main__":
    main()
