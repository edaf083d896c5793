"""Requests at fixed moments, whether or not those before were answered; waiting counts from the moment they were due.

References: G. Tene, How NOT to Measure Latency, 2013 (coordinated omission).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

LOST = 0
"""Status of a request that got no whole answer."""

ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Exchange:
    """One request: when it was due (seconds since the beginning), how long its answer took from then, what came."""

    due: float
    seconds: float
    status: int
    retry_after: str | None
    body: bytes


async def send_at_rate(
    address: str, bodies: Sequence[bytes], headers: Mapping[str, str], rate: float, connections: int = 64
) -> list[Exchange]:
    """POST every body once, `rate` a second, over at most so many connections."""
    waiting: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
    found: list[Exchange] = []
    began = time.perf_counter() + 0.1
    workers = [asyncio.create_task(_work(address, headers, waiting, found, began, rate)) for _ in range(connections)]
    for number, body in enumerate(bodies):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        waiting.put_nowait((number, body))
    for _ in workers:
        waiting.put_nowait(None)
    await asyncio.gather(*workers)
    return found


async def _work(
    address: str,
    headers: Mapping[str, str],
    waiting: "asyncio.Queue[tuple[int, bytes] | None]",
    found: list[Exchange],
    began: float,
    rate: float,
) -> None:
    place = urlsplit(address)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": place.netloc, **headers}.items())
    head = f"POST {place.path} HTTP/1.1\r\n{lines}".encode()
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while (job := await waiting.get()) is not None:
        number, body = job
        status, retry_after, content = LOST, None, b""
        try:
            if streams is None:
                streams = await asyncio.open_connection(place.hostname or "", place.port or 80)
            streams[1].write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            async with asyncio.timeout(ANSWER_SECONDS):
                status, retry_after, content = await _answer(streams[0])
        except (OSError, EOFError, TimeoutError):
            if streams is not None:
                streams[1].close()
            streams = None
        due = number / rate
        found.append(Exchange(due, time.perf_counter() - began - due, status, retry_after, content))
    if streams is not None:
        streams[1].close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str | None, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    named = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head[1:] if line)}
    body = await reader.readexactly(int(named.get(b"content-length", b"0")))
    retry_after = named.get(b"retry-after")
    return int(head[0].split(b" ")[1]), None if retry_after is None else retry_after.decode("ascii"), body
