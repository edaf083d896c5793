"""The entrance counts every request, also one that the server fails to answer."""

import asyncio
from pathlib import Path

import httpx

from apps.ml.deployment.server.application import Application
from apps.ml.deployment.versions.model_source import FolderSource


async def fail() -> None:
    raise ZeroDivisionError


def test_a_request_that_a_route_fails_to_answer_is_counted_and_leaves(tmp_path: Path) -> None:
    application = Application([FolderSource(tmp_path)])
    application.api.add_api_route("/fails", fail)
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)

    async def ask() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return (await client.get("/fails")).status_code

    assert asyncio.run(ask()) == 500
    counted = {key: int(found.counts.sum()) for key, found in application.meter.counts().requests.items()}
    assert counted == {("GET", "/fails", 500): 1}
    assert application.options.door.in_flight == 0
