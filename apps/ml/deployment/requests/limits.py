"""What one request may cost the server."""

import os
from dataclasses import dataclass

CPU_COUNT = os.cpu_count() or 1


@dataclass(frozen=True)
class Limits:
    """Bounds on one request and on work done at the same time.

    `body_bytes`: size of a request's body, checked while it arrives. `body_seconds`: time a body may take to arrive.
    `instances`: rows per request. `findings`: misfits that one answer lists. `scoring_threads`: requests that are
    scored at the same time; more than the machine has processors only makes each of them slower.
    """

    body_bytes: int = 5_000_000
    body_seconds: float = 30.0
    instances: int = 10_000
    findings: int = 100
    scoring_threads: int = CPU_COUNT
