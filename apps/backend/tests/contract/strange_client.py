"""A client that knows nothing but /openapi.json: Schemathesis, in a process of its own."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from apps.backend.tests.contract import strict_checks
from apps.backend.tests.contract.one_of_everything import Everything

ROOT = Path(__file__).resolve().parents[4]
SCHEMATHESIS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "missing_required_header", "unsupported_method", "allow_header_conformance",
    "negative_data_rejection",
)  # fmt: skip
OWN = ("status_is_told", "refusal_is_a_problem", "answer_is_guarded")
KNOWN_NAMES = 0.7
"""The share of requests to paths that name what is there."""

SECONDS = 1500
OF_ONE_REQUEST = 120


@dataclass(frozen=True)
class Run:
    """What came of it. `operations`, `requests`: how many were asked; `faults`: what Schemathesis says of each."""

    operations: int
    requests: int
    faults: str


def asked(address: str, has: Everything, folder: Path, *options: str, secrets: list[str] | None = None) -> Run:
    """Ask every operation of a server with generated requests, fitting and not, the same ones each time.

    Parameters
    ----------
    has
        Whose things are named in the paths, and whose admin asks.
    secrets
        Callers who ask in turn, an empty one for a stranger; None: the admin alone.
    """
    httpx.get(f"{address}/openapi.json", timeout=OF_ONE_REQUEST)  # made once: its maker waits ten seconds for it
    (folder / "schemathesis.toml").write_text(_configuration(has), encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"]
    usual = ["--checks", ",".join((*SCHEMATHESIS, *OWN)), "--generation-deterministic", "--no-color"]
    patient = ["--request-timeout", str(OF_ONE_REQUEST), "--suppress-health-check", "too_slow"]
    admin = ["--header", f"Authorization: Bearer {has.organisation.secrets['admin']}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": strict_checks.__name__, "PYTHONPATH": str(ROOT)}
    if secrets is not None:
        environment[strict_checks.SECRETS] = ",".join(secrets)
    done = subprocess.run(
        [*command, f"{address}/openapi.json", *usual, *patient, *(admin if secrets is None else []), *options],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    faults = "" if done.returncode == 0 else done.stdout[-30_000:] + done.stderr[-3_000:]
    return Run(_number("Tested: ", done.stdout), _number("", done.stdout, " generated"), faults)


def _configuration(has: Everything) -> str:
    dictionaries = [f"[dictionaries.{name}]\nvalues = {json.dumps(values)}" for name, values in has.names.items()]
    bound = [f'"path.{name}" = {{ dictionary = "{name}", probability = {KNOWN_NAMES} }}' for name in has.names]
    return "\n".join([*dictionaries, "[parameters]", *bound]) + "\n"


def _number(before: str, text: str, after: str = "") -> int:
    found = re.search(f"{before}([0-9]+){after}", text)
    return int(found[1]) if found else 0
