"""Work in threads: its result or error arrives, and an error keeps nothing of the request in memory."""

import asyncio
import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from apps.ml.deployment.requests.thread_work import in_thread
from apps.ml.errors import RequestError

PATIENCE_SECONDS = 60.0


class Document:
    """Stands for what was read from a body."""


@pytest.fixture
def _no_collections() -> Iterator[None]:
    """Whatever is freed is freed because nothing refers to it, not because garbage was looked for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_the_result_of_the_work_is_returned() -> None:
    assert asyncio.run(in_thread(lambda: 7)) == 7


@pytest.mark.usefixtures("_no_collections")
@pytest.mark.parametrize("kind", [RequestError, ZeroDivisionError])
def test_an_error_is_raised_and_leaves_nothing_of_the_request_in_memory(kind: type[Exception]) -> None:
    left: list[weakref.ref[Document]] = []

    def work() -> None:
        document = Document()
        left.append(weakref.ref(document))
        raise kind("refused")

    async def ask() -> str:
        try:
            await in_thread(work)
        except kind as error:
            return str(error)
        return ""

    async def answered() -> tuple[str, bool]:
        said, end = await ask(), time.monotonic() + PATIENCE_SECONDS
        while left[0]() is not None and time.monotonic() < end:  # until the thread is done with its own names
            await asyncio.sleep(0.01)
        return said, left[0]() is None

    assert asyncio.run(answered()) == ("refused", True)
