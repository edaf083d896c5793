"""Changes to the JSON of a part, as somebody would make them on purpose."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Change = Callable[[Any], Any]


def change_json(path: Path, change: Change) -> None:
    """Let `change` work on what a JSON file holds."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def put(*place: Any) -> Change:
    """Return a change that puts the last argument where the keys and positions before it lead."""
    *way, last, value = place

    def change(content: Any) -> None:
        for step in way:
            content = content[step]
        content[last] = value

    return change
