"""Keeps connections busy with one body, where wrk is not installed; being slower, it caps what fast servers show."""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import numpy as np

Figures = tuple[int, float, float, float, int, int]
"""Requests, seconds, median and 99th percentile in milliseconds, refused, lost."""


async def send(
    address: str, body: bytes, headers: Mapping[str, str], connections: int, seconds: float, requests: int | None = None
) -> Figures:
    """Send `body` over `connections` until `seconds` have passed or about `requests` were answered."""
    place = urlsplit(address)
    lines = {"Host": place.netloc, "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    message = f"POST {place.path or '/'} HTTP/1.1\r\n{head}\r\n".encode() + body
    until = time.perf_counter() + seconds
    share = None if requests is None else -(-requests // connections)
    began = time.perf_counter()
    workers = (_keep_asking(place.hostname or "", place.port or 80, message, until, share) for _ in range(connections))
    found = await asyncio.gather(*workers)
    spent = time.perf_counter() - began
    waits = np.array([wait for part, _, _ in found for wait in part] or [0.0]) * 1000
    p50, p99 = np.quantile(waits, [0.5, 0.99])
    refused, lost = sum(part[1] for part in found), sum(part[2] for part in found)
    return sum(len(part) for part, _, _ in found), spent, float(p50), float(p99), refused, lost


async def _keep_asking(
    host: str, port: int, message: bytes, until: float, share: int | None
) -> tuple[list[float], int, int]:
    """Return seconds of every answer, and how many answers were refusals or never came."""
    waits: list[float] = []
    refused = 0
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while time.perf_counter() < until and (share is None or len(waits) < share):
            began = time.perf_counter()
            writer.write(message)
            status = await _answer(reader)
            waits.append(time.perf_counter() - began)
            refused += not 200 <= status < 300
    except (OSError, asyncio.IncompleteReadError):
        return waits, refused, 1
    finally:
        writer.close()
    return waits, refused, 0


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer whole and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lengths = [line.split(b":")[1] for line in lines[1:] if line.lower().startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0]) if lengths else 0)
    return int(lines[0].split()[1])
