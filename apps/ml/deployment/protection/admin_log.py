"""The admin log: who administered what, when, and what came of it; records are added and never altered."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection, Engine, Row, insert, select, text

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.protection.key_store import MICROSECONDS
from apps.ml.deployment.protection.record_chain import FIRST, AdminAction, ChainVerdict, digest_of, verified
from apps.ml.deployment.protection.tables import ADMIN_ACTIONS
from apps.ml.prediction_log.database import writing

DONE = "done"
ROWS_AT_ONCE = 1000


class AdminLog:
    """Writes to one chain from any number of threads and processes; each new record's digest also goes to the log.

    Every method raises `sqlalchemy.exc.SQLAlchemyError` where the database does not answer.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._turn = threading.Lock()

    def record(
        self, actor_key: str, action: str, target: str, request_id: str | None = None, result: str = DONE
    ) -> AdminAction:
        """Add one record and return it."""
        with self._turn, writing(self._engine) as connection:
            _lock(connection)
            written = self._append(connection, actor_key, action, target, request_id, result)
        _tell(written)
        return written

    @contextmanager
    def recording(self, actor_key: str, action: str, target: str) -> Iterator[Connection]:
        """Yield a connection: what is done on it and its record are written together, or neither is."""
        with self._turn, writing(self._engine) as connection:
            _lock(connection)
            yield connection
            written = self._append(connection, actor_key, action, target, None, DONE)
        _tell(written)

    def page(self, limit: int, before: int | None = None) -> list[AdminAction]:
        """Return up to `limit` records, the newest first; `before`: only those with a smaller number."""
        query = select(ADMIN_ACTIONS).order_by(ADMIN_ACTIONS.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(ADMIN_ACTIONS.c.number < before)
        with self._engine.connect() as connection:
            return [_action(row) for row in connection.execute(query)]

    def verify(self, head: str | None = None) -> ChainVerdict:
        """Check the whole chain; `head`: a digest that was noted earlier and must still be in it."""
        query = select(ADMIN_ACTIONS).order_by(ADMIN_ACTIONS.c.number)
        with (
            self._engine.connect().execution_options(yield_per=ROWS_AT_ONCE) as connection,
            connection.execute(query) as rows,
        ):
            return verified((_action(row) for row in rows), head)

    def _append(
        self, connection: Connection, actor: str, action: str, target: str, request: str | None, result: str
    ) -> AdminAction:
        newest = select(ADMIN_ACTIONS.c.number, ADMIN_ACTIONS.c.digest).order_by(ADMIN_ACTIONS.c.number.desc())
        last = connection.execute(newest.limit(1)).first()
        number, previous = (0, FIRST) if last is None else (last.number, last.digest)
        at = int(self._clock() * MICROSECONDS)
        unsigned = AdminAction(number + 1, at, actor, action, target, request, result, previous)
        written = replace(unsigned, digest=digest_of(unsigned))
        connection.execute(insert(ADMIN_ACTIONS).values(written.__dict__))
        return written


def _lock(connection: Connection) -> None:
    """Keep other writers of the chain out until the transaction ends; readers go on reading.

    SQLite lets one transaction write at a time, and this one writes from its beginning.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {ADMIN_ACTIONS.name} IN EXCLUSIVE MODE"))


def _tell(written: AdminAction) -> None:
    """The digest leaves the database: a chain that is cut off or written anew does not hold it."""
    LOGGER.info("recorded", number=written.number, action=written.action, digest=written.digest)


def _action(row: Row[tuple[object, ...]]) -> AdminAction:
    return AdminAction(**row._mapping)
