"""How the server is, at one moment: what /readyz, /v1/models and the metrics tell."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerState:
    """`served`: model, version, alias and scorer of each version that answers. `log_lag_seconds` and
    `log_waiting_bytes`: None where no writer reports. `reasons`: why the server is not ready."""

    ready: bool
    reasons: tuple[str, ...]
    in_flight: int
    log_trouble: str | None
    log_lag_seconds: float | None
    log_waiting_bytes: float | None
    versions_refused: int
    served: tuple[tuple[str, str, str, str], ...]
