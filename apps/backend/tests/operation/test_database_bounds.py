"""More requests than connections: whoever waits too long for one is told to come again."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from apps.backend.problems import ProblemError
from apps.backend.storage import database as database_module
from apps.backend.storage.database import CONNECTIONS, Database


def test_who_gets_no_connection_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.1)

    async def take_all() -> None:
        database = Database(f"sqlite:///{tmp_path / 'b.db'}", create=True)
        try:
            async with AsyncExitStack() as stack:
                for _ in range(2 * CONNECTIONS):
                    await stack.enter_async_context(database.reading())
                with pytest.raises(ProblemError) as caught:
                    await stack.enter_async_context(database.reading())
                assert (caught.value.status, caught.value.code) == (503, "database_away")
        finally:
            await database.close()

    asyncio.run(take_all())
