"""Where a file that was sent is stored, waits for its turn, is read by a worker, and goes, whatever happens."""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from prometheus_client.core import Metric
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.requests.caller import caller_of
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.evidence_service.audits.children import (
    Children,
    KilledError,
    Refused,
    TooLongError,
    WorkerFailedError,
)
from apps.ml.evidence_service.audits.job import Job, Work
from apps.ml.evidence_service.audits.places import Places
from apps.ml.evidence_service.audits.private_folder import PrivateFolder
from apps.ml.evidence_service.audits.query import Query
from apps.ml.evidence_service.audits.settings import AuditSettings
from apps.ml.evidence_service.audits.tally import Tally
from apps.ml.evidence_service.audits.upload import kind_of_body, no_room, receive_file, require_length

Result = TypeVar("Result")
AT_ONCE_TABLES = 1
"""Tables have a turn of their own, so that a first look need not wait for an audit of minutes."""


@dataclass
class _Opened:
    folder: PrivateFolder
    places: dict[Work, Places]


class AuditDesk:
    """Used by one event loop, between :meth:`open` and :meth:`close`."""

    def __init__(self, settings: AuditSettings) -> None:
        self.settings = settings
        self.children = Children()
        self._opened: _Opened | None = None
        self._tally = Tally()

    def open(self) -> None:
        """Make the private folder and remove what killed services left; BadInputError where that cannot be."""
        places: dict[Work, Places] = {
            "audit": Places(self.settings.at_once, self.settings.waiting),
            "table": Places(AT_ONCE_TABLES, self.settings.waiting),
        }
        self._opened = _Opened(PrivateFolder(self.settings.folder), places)

    def close(self) -> None:
        """Kill the workers and remove the folder."""
        opened, self._opened = self._opened, None
        self.children.kill()
        if opened is not None:
            opened.folder.close()

    async def read(self, work: Work, query: Query, request: Request) -> bytes | Refused:
        """Return what a worker makes of the body of a request, as JSON, or why it cannot.

        Raises
        ------
        RefusalError
            408, 413, 415, 422 as :mod:`upload` says; 503 `busy` without a place, `audit_too_long`, `draining` where
            the service ends, `audit_ended` where the system killed the worker; 500 where the worker failed.
        ClientDisconnect
            The caller hung up; nothing runs on.
        """
        begun, outcome = time.perf_counter(), "gone"
        try:
            found = await self._read(work, query, request)
            outcome = found.code if isinstance(found, Refused) else "answered"
        except RefusalError as error:
            outcome = error.code
            raise
        except asyncio.CancelledError:
            outcome = "draining"
            raise _ending() from None
        finally:
            self._tally.note(work, outcome, time.perf_counter() - begun)
        return found

    def metrics(self) -> Iterable[Metric]:
        """Return what /metrics shows of audits."""
        return self._tally.metrics(self._opened.places if self._opened else {})

    async def _read(self, work: Work, query: Query, request: Request) -> bytes | Refused:
        headers = dict(request.scope["headers"])
        kind = kind_of_body(headers)
        require_length(headers, self.settings.body_bytes)
        opened = self._opened
        if opened is None:
            raise _ending()
        name = query.name or f"table.{kind}"
        places = opened.places[work]
        with places.place(), _stored(opened.folder) as folder:
            bounds = self.settings.body_bytes, self.settings.body_seconds
            await receive_file(request.receive, folder / name, kind, *bounds)
            job = self._job(work, folder, name, query)
            return await _unless_hung_up(self._in_turn(places, job, request), request.receive)

    def _job(self, work: Work, folder: Path, name: str, query: Query) -> Job:
        settings = self.settings
        answer_bytes = settings.answer_bytes if work == "audit" else settings.table_answer_bytes
        bounds = settings.memory_bytes, settings.seconds, answer_bytes
        return Job(work, folder, name, query.model_dump(mode="json"), *bounds)

    async def _in_turn(self, places: Places, job: Job, request: Request) -> bytes | Refused:
        async with places.turn():
            try:
                return await self.children.do(job)
            except TooLongError:
                raise _too_long(job.seconds) from None
            except KilledError:
                raise (_ending() if self._opened is None else _ended()) from None
            except WorkerFailedError as error:
                raise _failed(error, caller_of(request).request) from None


@contextmanager
def _stored(folder: PrivateFolder) -> Iterator[Path]:
    try:
        place = folder.place_of_one()
    except OSError as error:
        raise no_room(error) from None
    with place as path:
        yield Path(path)


async def _unless_hung_up(work: Coroutine[object, object, Result], receive: Receive) -> Result:
    """Return what `work` gives; where the caller hangs up before, cancel it and raise ClientDisconnect."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_long(seconds: int) -> RefusalError:
    message = (
        f"Reading the file took longer than {seconds} seconds and was ended. Send fewer rows, name fewer columns, or "
        "run `fairmind audit` where the file is."
    )
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "audit_too_long", message)


def _ending() -> RefusalError:
    message = "The service ends and does not finish this. Send the request again: another process takes it."
    headers = {"Retry-After": "5", "Connection": "close"}
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "draining", message, headers=headers)


def _ended() -> RefusalError:
    message = "The machine ended the reading of the file, for want of memory as a rule. Send it again later."
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "audit_ended", message, headers={"Retry-After": "60"})


def _failed(error: WorkerFailedError, request: str | None) -> RefusalError:
    """The text of the error says where, and holds no values; it is for the operator."""
    number = uuid4().hex
    LOGGER.error("a worker failed", number=number, request=request, where=str(error))
    message = f"The service failed (error {number}). Give this number to its operator: the log holds the cause."
    return RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)
