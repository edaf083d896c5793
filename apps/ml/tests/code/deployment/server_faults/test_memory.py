"""The server's memory over many requests."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.serving.contenders import this_server
from tests.benchmark.serving.memory import grow

REQUESTS = int(os.environ.get("FAIRMIND_MEMORY_REQUESTS", "20000"))
WARM_REQUESTS = 5_000
LARGEST_GROWTH_BYTES = 16 * 2**20
"""Bound on what all processes of the server add after they are warm, however many requests there are."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory of processes is read from /proc"),
]


def test_memory_stays_within_its_bound_over_many_requests(
    bundle_folder: Path, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    body = json.dumps({"instances": rows[:1]}).encode()
    growth = grow(this_server(bundle_folder, tmp_path), tmp_path, body, REQUESTS, WARM_REQUESTS)
    assert growth.failed == 0
    assert growth.requests >= REQUESTS
    assert growth.bytes <= LARGEST_GROWTH_BYTES, f"MiB: {[round(size / 2**20, 1) for size in growth.resident]}"
