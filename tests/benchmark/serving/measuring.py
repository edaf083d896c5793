"""Rounds: every contender is started, checked, warmed up, timed in every case and stopped; then the next."""

import json
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmark.serving.cases import CASES, EXPLAINED_ALONE, HUNDRED_ALONE, Case
from tests.benchmark.serving.contenders import Contender, contenders
from tests.benchmark.serving.load import Measured, load_tool, send
from tests.benchmark.serving.material import TOLERANCE, Material
from tests.benchmark.serving.processes import free_port, running

WARM_SECONDS = 1
Say = Callable[[str], None]


class DisagreementError(RuntimeError):
    """A server gives other scores than the model, or answers with errors: its speed would mean nothing."""


def measure(
    material: Material, folder: Path, rounds: int, seconds: float, say: Say, cases: Sequence[Case] = CASES
) -> dict[str, Any]:
    """Return every measurement, and what the servers tell of themselves.

    Raises
    ------
    DisagreementError
        A contender does not give the scores of the model, or an answer was no success.
    """
    everybody = contenders(material, folder)
    figures: list[dict[str, Any]] = []
    about: dict[str, Any] = {}
    for number in range(rounds):
        turned = everybody[number % len(everybody) :] + everybody[: number % len(everybody)]
        for contender in turned:
            with started(contender, folder) as (address, _):
                about[contender.name] = _checked(contender, address, material)
                for case in cases:
                    if case.explained and contender.explain_path is None:
                        continue
                    found = _timed(contender, address, case, material, seconds)
                    say(f"round {number + 1}, {contender.name}, {case.name} at {case.connections}: {found.rate:,.0f}/s")
                    figures.append({"round": number, "contender": contender.name, **_named(case), **asdict(found)})
    return {"load": load_tool(), "scorer": about[everybody[0].name], "figures": figures}


def _named(case: Case) -> dict[str, Any]:
    return {"case": case.name, "connections": case.connections}


@contextmanager
def started(contender: Contender, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a contender; yield its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [part.format(port=port) for part in contender.command]
    log = Path(tempfile.mkdtemp(dir=folder)) / f"{contender.name.replace(' ', '_')}.log"
    with running(command, contender.environment, address + contender.ready, log) as process:
        yield address, process


def _checked(contender: Contender, address: str, material: Material) -> Any:
    """Require the model's scores of every row; return what the server says of its scorer."""
    if contender.scores is None:
        return None
    content = _asked(address + contender.path, contender, HUNDRED_ALONE.body(material))
    difference = float(np.abs(np.array(contender.scores(content)) - material.scores).max())
    if not difference <= TOLERANCE:
        raise DisagreementError(f"{contender.name}: scores differ by up to {difference:.3g}")
    if contender.explain_path is None:
        return None
    explained = _asked(address + contender.explain_path, contender, EXPLAINED_ALONE.body(material))
    if not explained["predictions"][0]["explanation"]["contributions"]:
        raise DisagreementError(f"{contender.name}: an explanation is empty")
    models = _asked(address + "/v1/models", contender, None)["models"]
    return models[0].get("scorer")


def _asked(address: str, contender: Contender, body: bytes | None) -> Any:
    headers = {"Content-Type": "application/json", **contender.headers}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())


def _timed(contender: Contender, address: str, case: Case, material: Material, seconds: float) -> Measured:
    path = contender.explain_path if case.explained and contender.explain_path else contender.path

    def load(long: float) -> Measured:
        return send(address + path, case.body(material), contender.headers, case.connections, long)

    load(WARM_SECONDS)
    found = load(seconds)
    if found.refused or found.lost:
        raise DisagreementError(f"{contender.name}: {found.refused} errors, {found.lost} lost of {found.requests}")
    return found
