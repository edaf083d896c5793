"""The least that a server of predictions does: it parses JSON and answers JSON of the same shape, without a model."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

ENCODER = msgspec.json.Encoder()
DECODER = msgspec.json.Decoder()
PREDICTION = {"id": "0198f6a4-0000-7000-8000-000000000000", "score": 0.8134, "decision": 1, "threshold": 0.5}
JSON_HEADER = (b"content-type", b"application/json")


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer one request with as many predictions as it holds instances."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    rows = DECODER.decode(body)["instances"] if body else []
    content = {"model": "echo", "version": "1", "evidence": None, "predictions": [PREDICTION for _ in rows]}
    answer = ENCODER.encode(content)
    headers = [JSON_HEADER, (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
