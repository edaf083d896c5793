"""The model server, asked through its client."""

from apps.backend.settings import Settings
from apps.backend.upstreams.breaker import CircuitBreaker
from apps.ml.deployment.client import AsyncModelClient


class ModelServer:
    """Asks the model server; to be used in one event loop."""

    def __init__(self, settings: Settings, breaker: CircuitBreaker | None = None) -> None:
        self._client = AsyncModelClient(settings.model_server, settings.model_server_key)
        self.breaker = breaker or CircuitBreaker()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
