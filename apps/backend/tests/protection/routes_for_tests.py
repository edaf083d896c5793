"""Routes that tests add to the application: what the protection is seen by."""

import asyncio
import threading
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, field_validator

FILE_BODY = {"requestBody": {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}}


class Inner(BaseModel, extra="forbid"):
    """A body's part."""

    colour: Literal["red", "green"] = "red"
    number: int = Field(0, le=10)


class Body(BaseModel, extra="forbid"):
    """A body with every sort of field."""

    threshold: float = 0.5
    inner: Inner = Inner()
    table: dict[str, int] = {}
    free: dict[str, Any] = {}
    items: list[Inner] = []
    checked: str = "0"

    @field_validator("checked")
    @classmethod
    def whole(cls, value: str) -> str:
        """Let Python's own message out, which holds the value."""
        int(value)
        return value


class Latch:
    """What slow requests wait for."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.released = threading.Event()

    async def wait(self) -> None:
        """Wait in the event loop."""
        self.entered.release()
        while not self.released.is_set():
            await asyncio.sleep(0.01)


def add_to(app: FastAPI, latch: Latch) -> None:
    """Add the routes."""

    @app.post("/test/echo")
    async def echo(body: Body) -> Body:
        """Answer the body."""
        return body

    @app.get("/test/query")
    async def query(number: int = 0) -> int:
        """Answer the number."""
        return number

    @app.post("/test/any")
    async def anything(request: Request) -> dict[str, int]:
        """Read whatever comes."""
        return {"bytes": len(await request.body())}

    @app.post("/test/files/{name}", openapi_extra=FILE_BODY)
    async def upload(name: str, request: Request) -> dict[str, int]:
        """Count a file."""
        count = 0
        async for piece in request.stream():
            count += len(piece)
        return {"bytes": count}

    @app.get("/test/slow")
    async def slow() -> str:
        """Wait until it is let go."""
        await latch.wait()
        return "done"

    @app.get("/test/failure")
    async def failure() -> None:
        """Fail with a text that nobody may see."""
        raise LookupError("Ada Lovelace, born 1815")

    @app.get("/test/half")
    async def half() -> StreamingResponse:
        """Fail in the middle of an answer."""

        async def pieces() -> Any:
            yield b"half"
            raise LookupError("Ada Lovelace")

        return StreamingResponse(pieces())
