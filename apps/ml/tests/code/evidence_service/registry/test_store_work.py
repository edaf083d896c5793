"""Work beside the event loop: bounded in threads and time; what was refused never begins."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.errors import ServiceUnavailableError
from apps.ml.evidence_service.registry.kept import Kept
from apps.ml.evidence_service.registry.refused import TooSlowError
from apps.ml.evidence_service.registry.store_watch import StoreWatch
from apps.ml.evidence_service.registry.store_work import StoreWork, Turn
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.tests.code.evidence_service.registry.published_registry import Published
from apps.ml.tests.protected_server import until

SECONDS = 300.0
"""How long callers wait, on the clock of the event loop."""


@pytest.fixture
def store(published: Published, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreWatch]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", published.address)
    watch = StoreWatch()
    watch.start()
    try:
        until(lambda: watch.state.trouble is None)
        yield watch
    finally:
        watch.close()


class MovedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test moves on by hand."""

    moved_seconds = 0.0

    def time(self) -> float:
        return super().time() + self.moved_seconds


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await work()

    with asyncio.Runner(loop_factory=MovedLoop) as runner:
        runner.run(whole())


async def impatient(asked: Awaitable[object]) -> object:
    """Await something that waits longer than may be; half of that time passes again and again."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(asked)
    assert isinstance(loop, MovedLoop)
    while not task.done():
        await asyncio.sleep(0.01)
        loop.moved_seconds += SECONDS / 2
    return task.result()


def test_a_caller_is_refused_in_time_while_the_thread_keeps_its_place(store: StoreWatch) -> None:
    async def work() -> None:
        bounded, hold, begun = StoreWork(store, 1, SECONDS), threading.Event(), threading.Event()

        def slow(_: TrackingStore) -> None:
            begun.set()
            hold.wait(60)

        waiting = asyncio.create_task(bounded.do(slow))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        with pytest.raises(TooSlowError, match="takes long to answer"):
            await impatient(waiting)
        assert bounded.at_work == 1
        never = threading.Event()
        with pytest.raises(RefusalError, match="as may be at once") as refused:
            await impatient(bounded.do(lambda _: never.set()))
        assert refused.value.code == "busy"
        hold.set()
        await bounded.finish()
        assert bounded.at_work == 0
        assert await bounded.do(lambda _: 7) == 7
        assert not never.is_set()

    run(work)


def test_many_who_ask_for_the_same_at_once_are_answered_by_one_reading(store: StoreWatch) -> None:
    async def work() -> None:
        bounded, asked = StoreWork(store, 4, SECONDS), []

        def read(_: TrackingStore) -> int:
            asked.append(1)
            threading.Event().wait(0.1)
            return len(asked)

        assert await asyncio.gather(*(bounded.do(read, "record") for _ in range(20))) == [1] * 20
        assert await bounded.do(read, "record") == 2
        first, second = await asyncio.gather(bounded.do(read), bounded.do(read))
        assert {first, second} <= {3, 4}
        assert len(asked) == 4

    run(work)


def test_an_error_reaches_everybody_who_waits_and_an_away_store_becomes_503(store: StoreWatch) -> None:
    async def work() -> None:
        bounded = StoreWork(store, 1, SECONDS)

        def fail(_: TrackingStore) -> None:
            raise ServiceUnavailableError("postgresql://host/database does not answer")

        found = await asyncio.gather(*(bounded.do(fail, "x") for _ in range(3)), return_exceptions=True)
        assert [one.code for one in found if isinstance(one, RefusalError)] == ["store_unavailable"] * 3
        assert not any("host" in str(one) for one in found)

    run(work)


def test_either_the_act_begins_or_its_caller_gives_it_up() -> None:
    turn = Turn()
    assert (turn.begin(), turn.give_up(), turn.begin()) == (True, False, True)
    turn = Turn()
    assert (turn.give_up(), turn.begin(), turn.give_up()) == (True, False, True)


def test_what_is_kept_stays_within_its_bytes_and_the_least_used_goes_first() -> None:
    kept: Kept[str, int] = Kept(10)
    for name in ("a", "b", "c"):
        kept.keep(name, ord(name), 3)
    assert kept.get("a") == ord("a")
    kept.keep("d", 1, 3)
    assert (kept.get("a"), kept.get("b"), kept.get("d"), kept.bytes) == (ord("a"), None, 1, 9)
    kept.keep("large", 1, 11)
    assert (kept.get("large"), kept.bytes) == (None, 9)
    kept.keep("a", 2, 10)
    assert (kept.get("a"), kept.get("c"), kept.bytes) == (2, None, 10)
