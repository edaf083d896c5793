"""What the application's interface says about itself: which paths take files."""

import re
from functools import cached_property

from fastapi import FastAPI

BODY_METHODS = ("post", "put", "patch")
JSON_TYPE = "application/json"


class Interface:
    """Facts out of an application's OpenAPI document, which is made at the first question, when all routes are in."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def takes_files(self, method: str, path: str) -> bool:
        """Tell whether a path is described as taking anything but JSON under this method."""
        return any(each == method and pattern.fullmatch(path) for each, pattern in self._uploads)

    @cached_property
    def _uploads(self) -> list[tuple[str, re.Pattern[str]]]:
        return [
            (method.upper(), re.compile(re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(path))))
            for path, operations in self._app.openapi()["paths"].items()
            for method in BODY_METHODS
            if set(operations.get(method, {}).get("requestBody", {}).get("content", {})) - {JSON_TYPE}
        ]
