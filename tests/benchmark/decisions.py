"""Decisions through the whole product at a fixed rate, both logs on; then the model server dies and comes back.

`python -m tests.benchmark.decisions` runs model server, evidence service and backend over the champion of the present
repository (`make reproduce` first). Exit code 1 where a decision was lost or an answer was not honest: everything that
was answered 201 is in the backend and in the prediction log, once; everything else was a 503 that says when to come
again, and left no decision.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from apps.backend.demo.example import application_of
from apps.backend.demo.stack import Process, Stack, running_stack
from tests.benchmark.open_loop import Exchange, send_at_rate

RATE = 200.0
SECONDS = 60.0
OUTAGE_RATE = 50.0
OUTAGE_SECONDS = 30.0
DEAD_FROM, DEAD_UNTIL = 5.0, 12.0
LOG_SECONDS = 30.0
MADE, LATER = 201, 503


@dataclass(frozen=True)
class Phase:
    """What one phase gave. `lost`: answered 201 and not in a log, or in one more often than answered; `dishonest`:
    answers that were neither 201 nor a 503 with `Retry-After`."""

    name: str
    requests: int
    seconds: float
    statuses: dict[int, int]
    p50: float
    p99: float
    longest: float
    lost: int
    dishonest: int
    back_after: float | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both phases and print what they gave."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="fairmind-load-") as folder, running_stack(Path(folder)) as stack:
        asking = Asking(stack)
        phases = [asking.steady(options.rate, options.seconds), asking.outage()]
    if options.json:
        print(json.dumps([vars(phase) for phase in phases]))
    else:
        _print(phases)
    return int(any(phase.lost or phase.dishonest for phase in phases) or MADE not in phases[0].statuses)


class Asking:
    """Asks one stack for decisions."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        served = httpx.get(f"{stack.model_server}/v1/models").raise_for_status().json()["models"][0]
        stack.command("organisations", "create", "Load", "--admin", "load@example.org", "--generate-password")
        stack.command("models", "grant", "Load", served["name"])
        secret = stack.command("keys", "create", "Load", "load", "--role", "analyst")["secret"]
        self._model, self._columns = served["name"], served["columns"]
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._draw = random.Random(0)  # noqa: S311 (examples)
        self._made: set[str] = set()

    def steady(self, rate: float, seconds: float) -> Phase:
        """Ask at a fixed rate."""
        return self._phase("steady", self._asked(rate, seconds), seconds)

    def outage(self) -> Phase:
        """Ask while the model server is killed and started again."""
        server = self._stack.processes["model server"]
        happening = threading.Thread(target=_die_and_come_back, args=(server,))
        happening.start()
        found = self._asked(OUTAGE_RATE, OUTAGE_SECONDS)
        happening.join()
        back = [one.due for one in found if one.status == MADE and one.due > DEAD_UNTIL]
        return self._phase(
            "model server dead and back", found, OUTAGE_SECONDS, min(back) - DEAD_UNTIL if back else None
        )

    def _asked(self, rate: float, seconds: float) -> list[Exchange]:
        bodies = [self._body() for _ in range(round(rate * seconds))]
        return asyncio.run(send_at_rate(f"{self._stack.backend}/api/v1/decisions", bodies, self._headers, rate))

    def _body(self) -> bytes:
        return json.dumps({"model": self._model, "application": application_of(self._columns, self._draw)}).encode()

    def _phase(self, name: str, found: list[Exchange], seconds: float, back: float | None = None) -> Phase:
        answers = [json.loads(one.body) for one in found if one.status == MADE]
        self._made |= {answer["prediction_id"] for answer in answers}
        waits = np.array([one.seconds for one in found]) * 1000
        p50, p99 = np.quantile(waits, [0.5, 0.99])
        honest = [one.status == MADE or (one.status == LATER and one.retry_after is not None) for one in found]
        return Phase(
            name=name,
            requests=len(found),
            seconds=seconds,
            statuses=dict(Counter(one.status for one in found)),
            p50=float(p50),
            p99=float(p99),
            longest=float(waits.max()),
            lost=self._lost(len({answer["id"] for answer in answers}) - len(answers)),
            dishonest=honest.count(False),
            back_after=back,
        )

    def _lost(self, twice: int) -> int:
        """Count what was answered and is not in both logs; the prediction log has a while to take its journals."""
        recorded = _column(self._stack.processes["backend"], "select prediction_id from decisions")
        until = time.monotonic() + LOG_SECONDS
        while True:
            logged = _predictions(self._stack.processes["model server"])
            missing = len(self._made - logged)
            if not missing or time.monotonic() > until:
                break
            time.sleep(0.5)
        return abs(twice) + len(self._made ^ recorded) + missing


def _die_and_come_back(server: Process) -> None:
    time.sleep(DEAD_FROM)
    server.kill()
    time.sleep(DEAD_UNTIL - DEAD_FROM)
    server.start()


def _column(process: Process, query: str) -> set[Any]:
    path = process.environment["DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return {row[0] for row in connection.execute(query)}


def _predictions(server: Process) -> set[str]:
    """Return the names of all logged predictions of calls of one row."""
    from apps.ml.prediction_log.identifiers import prediction_ids

    return {prediction_ids(call, 1)[0] for call in _column(server, "select call from calls where row_count = 1")}


def _print(phases: Sequence[Phase]) -> None:
    table = Table(title="Decisions through the whole product, waiting counted from the moment they were due")
    for name in ("phase", "requests", "answers", "p50 ms", "p99 ms", "longest ms", "lost", "dishonest", "back after s"):
        table.add_column(name)
    for phase in phases:
        answers = ", ".join(f"{status}: {count}" for status, count in sorted(phase.statuses.items()))
        back = "–" if phase.back_after is None else f"{phase.back_after:.1f}"
        figures = (f"{figure:.1f}" for figure in (phase.p50, phase.p99, phase.longest))
        table.add_row(phase.name, str(phase.requests), answers, *figures, str(phase.lost), str(phase.dishonest), back)
    Console().print(table)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="decisions a second in the first phase")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the first phase")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
