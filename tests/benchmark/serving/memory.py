"""How much memory the model server takes up over many requests.

`python -m tests.benchmark.serving.memory [--requests N] [--json]`. Counted is what no file stands behind (anonymous
resident memory) in all processes of the server, the keeper of the prediction log included; the journal's pages belong
to files and come and go. A first stretch of requests is not counted: it fills pools and caches once.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmark.serving.asyncio_load import send
from tests.benchmark.serving.cases import ONE
from tests.benchmark.serving.contenders import Contender, this_server
from tests.benchmark.serving.material import make_material
from tests.benchmark.serving.measuring import started
from tests.benchmark.serving.processes import processes_of

CONNECTIONS = 16
STRETCHES = 5
WARM_REQUESTS = 10_000
MOST_SECONDS = 600.0
ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Growth:
    """`resident`: anonymous bytes after the warm-up and after each stretch; `failed`: requests without an answer."""

    requests: int
    seconds: float
    resident: list[int]
    failed: int

    @property
    def bytes(self) -> int:
        """Bytes that were added after the warm-up."""
        return self.resident[-1] - self.resident[0]


def grow(contender: Contender, folder: Path, body: bytes, requests: int, warm: int = WARM_REQUESTS) -> Growth:
    """Start a server, send it `warm` and then `requests` requests, and return how its memory grew."""
    with started(contender, folder) as (address, process):
        failed, seconds, answered = 0, 0.0, 0

        def stretch(count: int) -> int:
            nonlocal failed, seconds, answered
            headers = {"Content-Type": "application/json", **contender.headers}
            found = asyncio.run(
                send(address + contender.path, body, headers, CONNECTIONS, MOST_SECONDS, requests=count)
            )
            answered, seconds, failed = answered + found[0], seconds + found[1], failed + found[4] + found[5]
            return anonymous_bytes(process)

        resident = [stretch(warm)]
        answered, seconds = 0, 0.0
        resident += [stretch(requests // STRETCHES) for _ in range(STRETCHES)]
        return Growth(answered, seconds, resident, failed)


def anonymous_bytes(process: "subprocess.Popen[bytes]") -> int:
    """Return the resident memory of a server's processes that no file stands behind."""
    texts = [Path(f"/proc/{number}/status").read_text(encoding="ascii") for number in processes_of(process)]
    return sum(int(match[1]) * 1024 for text in texts if (match := ANONYMOUS.search(text)))


def main() -> int:
    """Print the growth; exit code 1 where a request was not answered well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairmind-memory-") as temporary:
        folder = Path(temporary)
        material = make_material(folder)
        growth = grow(this_server(material.bundle, folder), folder, ONE.body(material), options.requests)
    if options.json:
        print(json.dumps({**asdict(growth), "bytes": growth.bytes}))
    else:
        steps = " → ".join(f"{size / 2**20:,.1f}" for size in growth.resident)
        print(f"{growth.requests:,} requests in {growth.seconds:.1f} s, {growth.failed} without a good answer")
        print(f"Anonymous memory, MiB: {steps}; growth {growth.bytes / 2**20:,.1f} MiB")
    return 1 if growth.failed else 0


if __name__ == "__main__":
    sys.exit(main())
