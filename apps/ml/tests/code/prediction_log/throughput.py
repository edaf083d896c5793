"""What the log costs: microseconds per append, calls per second of the writer. No test; it prints a table.

`python -m apps.ml.tests.code.prediction_log.throughput [CALLS]` measures calls of one row of 14 columns, two of them
sensitive, into SQLite and, where its binaries are there, PostgreSQL.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, encoded
from apps.ml.prediction_log.identifiers import new_call
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.schema import upgrade
from apps.ml.prediction_log.writer import LogWriter
from apps.ml.tests.code.prediction_log.made_up_entries import answer_entry, version_entry
from tests.postgres import running_postgres, why_no_postgres

COLUMNS = [ColumnEntry(f"column_{index:02d}", "categorical", index in (8, 13)) for index in range(14)]
BODY = json.dumps({"instances": [{column.name: "category b" for column in COLUMNS}]}).encode()
PAUSE_EVERY = 2000


def entries(count: int) -> list[AnswerEntry]:
    """Calls of about 700 bytes."""
    like = msgspec.structs.replace(answer_entry(request="r" * 36), inputs=BODY)
    return [msgspec.structs.replace(like, call=new_call()) for _ in range(count)]


def append_seconds(journal: Journal, calls: list[AnswerEntry]) -> float:
    """Seconds of the appends alone, in bursts with pauses, as a server has them."""
    total = 0.0
    for start in range(0, len(calls), PAUSE_EVERY):
        begun = time.perf_counter()
        for entry in calls[start : start + PAUSE_EVERY]:
            journal.append(entry)
        total += time.perf_counter() - begun
        time.sleep(0.01)
    return total


def measure(engine: Engine, folder: Path, count: int) -> str:
    """Append and write `count` calls; return one row of the table."""
    upgrade(engine)
    calls = entries(count)
    journal = Journal(folder / "journal" / "worker")
    journal.append(msgspec.structs.replace(version_entry(), columns=COLUMNS))
    appending = append_seconds(journal, calls)
    journal.close()
    writer = LogWriter(engine, folder / "journal")
    wall, cpu = time.perf_counter(), time.process_time()
    while (written := writer.write_once()).entries or written.more:
        pass
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    engine.dispose()
    return f"{engine.dialect.name:<11}{appending / count * 1e6:>10.2f}{count / wall:>14,.0f}{count / cpu:>18,.0f}"


def main(count: int) -> None:
    """Print the table."""
    print(f"{count} calls, {len(encoded(entries(1)[0]))} bytes each")
    print("database    us/append  calls/second  calls/CPU second")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        print(measure(open_database(f"sqlite:///{path}/log.db", create=True), path / "sqlite", count))
        if why_no_postgres() is None:
            with running_postgres() as address:
                print(measure(open_database(address), path / "postgresql", count))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000)
