"""Sending items to the governance store: each once in effect, whoever is away or restarted in between.

Before an item is sent its row says that it may be there. Where no answer came, the store is asked for the item's name
before it is sent again: a store need not know `Idempotency-Key`.
"""

from typing import Any

import structlog
from sqlalchemy import select

from apps.backend import moments
from apps.backend.governance.pauses import LEASE, next_try
from apps.backend.governance.settling import settle
from apps.backend.governance.tables import publication_items
from apps.backend.settings import Settings
from apps.backend.storage.database import Database
from apps.backend.upstreams.governance_store import GovernanceStore, StoreAwayError, StoreRefusedError

LOG = structlog.get_logger("backend")
AT_ONCE = 50


class Sending:
    """Sends what is queued to the store that the settings name."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings

    async def send_due(self, now: int) -> None:
        """Send the items that are due at `now`, in microseconds since 1970; end early where the store is away."""
        if self._settings.governance is None:
            return
        items = publication_items.c
        query = select(items.organisation_id, items.id).where(items.state == "queued", items.next_try_at <= now)
        async with self._database.reading() as connection:
            due = (await connection.execute(query.order_by(items.next_try_at, items.id).limit(AT_ONCE))).all()
        if not due:
            return
        async with GovernanceStore(self._settings.governance, self._settings.governance_token) as store:
            for organisation, item in due:
                row = await self._taken(organisation, item, now)
                if row is not None and not await self._sent(store, row):
                    return

    async def _sent(self, store: GovernanceStore, row: Any) -> bool:
        """Send one item; False: the store takes nothing now."""
        try:
            store_id = await _added(store, row)
        except StoreRefusedError as error:
            LOG.error("item refused", item=row.id, code=error.code)
            await self._end(row, {"state": "refused", "problem": error.code, "may_be_there": False})
            return True
        except StoreAwayError as error:
            LOG.warning("item put off", item=row.id, code=error.code)
            may_be_there = row.was_there or error.was_sent
            put_off = {"problem": error.code, "next_try_at": next_try(row.tries, error.retry_after)}
            await self._change(row, {**put_off, "may_be_there": may_be_there})
            return False
        await self._end(row, {"state": "sent", "problem": None, "store_id": store_id})
        return True

    async def _taken(self, organisation: str, item: str, now: int) -> "_Taken | None":
        """Take an item into this process's hands; of two at once, the second comes too late."""
        items = publication_items.c
        own = (items.organisation_id == organisation, items.id == item, items.state == "queued")
        async with self._database.writing() as connection:
            query = select(publication_items).where(*own, items.next_try_at <= now).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            values = {"next_try_at": now + LEASE, "tries": items.tries + 1, "may_be_there": True}
            await connection.execute(publication_items.update().where(*own).values(values))
        return _Taken(row)

    async def _end(self, row: "_Taken", values: dict[str, object]) -> None:
        await self._change(row, {**values, "next_try_at": None, "ended_at": moments.now()}, ends=True)

    async def _change(self, row: "_Taken", values: dict[str, object], ends: bool = False) -> None:
        query = publication_items.update().where(
            publication_items.c.organisation_id == row.organisation_id, publication_items.c.id == row.id
        )
        async with self._database.writing() as connection:
            await connection.execute(query.values(values))
            if ends:
                await settle(connection, row.organisation_id)


class _Taken:
    """An item in this process's hands. `was_there`: an earlier try may have brought it to the store."""

    def __init__(self, row: Any) -> None:
        self.organisation_id: str = row.organisation_id
        self.id: str = row.id
        self.name: str = row.name
        self.system_id: str = row.system_id
        self.body: dict[str, Any] = row.body
        self.tries: int = row.tries + 1
        self.was_there: bool = row.may_be_there


async def _added(store: GovernanceStore, row: _Taken) -> str | None:
    if row.was_there:
        is_there, store_id = await store.find(row.system_id, row.name)
        if is_there:
            return store_id
    return await store.add(row.system_id, row.name, row.body)
