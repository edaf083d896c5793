"""The evidence service: registry, evidence and audits, over HTTP."""

import httpx

from apps.backend.settings import Settings
from apps.backend.upstreams.breaker import CircuitBreaker

ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 2.0


class EvidenceService:
    """Asks the evidence service; to be used in one event loop. `http` and `breaker` are shared by all that ask it."""

    def __init__(self, settings: Settings, breaker: CircuitBreaker | None = None) -> None:
        headers = {} if settings.evidence_key is None else {"Authorization": f"Bearer {settings.evidence_key}"}
        self.http = httpx.AsyncClient(
            base_url=settings.evidence,
            headers=headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )
        self.breaker = breaker or CircuitBreaker()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()
