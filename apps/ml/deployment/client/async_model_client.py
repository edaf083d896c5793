"""The client for asyncio: the surface of `ModelClient`, every call to be awaited."""

from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx

from apps.ml.deployment.client import calls
from apps.ml.deployment.client.answers import Predictions, Readiness, ServedVersion
from apps.ml.deployment.client.async_connections import AsyncConnections
from apps.ml.deployment.client.bodies import Row
from apps.ml.deployment.client.bounded_transport import lost
from apps.ml.deployment.client.outcomes import Outcome
from apps.ml.deployment.client.settings import Clock, Retries, Timeouts
from apps.ml.deployment.client.tries import End, Reply, Tries, TryLimits

T = TypeVar("T")


class AsyncModelClient:
    """Asks one model server from one event loop; see :class:`~apps.ml.deployment.client.ModelClient`."""

    def __init__(
        self,
        address: str,
        key: str | None = None,
        timeout: Timeouts = Timeouts(),  # noqa: B008 (frozen)
        retries: Retries = Retries(),  # noqa: B008 (frozen)
        *,
        clock: Clock = Clock(),  # noqa: B008 (frozen)
    ) -> None:
        self._timeout, self._retries, self._clock = timeout, retries, clock
        self._connections = AsyncConnections(calls.checked_address(address), calls.headers_of_client(key))

    async def predict(
        self,
        instances: Iterable[Row],
        *,
        model: str | None = None,
        version: str | int | None = None,
        alias: str | None = None,
        subject: str | None = None,
        explain: bool = False,
        request_id: str | None = None,
    ) -> Predictions:
        """See :meth:`ModelClient.predict`."""
        chosen = calls.Chosen(model, version, alias, subject)
        return await self._ask(calls.predict_call(instances, chosen, explain), request_id)

    async def explain(
        self,
        instances: Iterable[Row],
        *,
        contributions: bool = True,
        reasons: bool = True,
        counterfactual: bool = False,
        model: str | None = None,
        version: str | int | None = None,
        alias: str | None = None,
        subject: str | None = None,
        request_id: str | None = None,
    ) -> Predictions:
        """See :meth:`ModelClient.explain`."""
        chosen = calls.Chosen(model, version, alias, subject)
        call = calls.explain_call(instances, chosen, contributions, reasons, counterfactual)
        return await self._ask(call, request_id)

    async def report_outcomes(self, outcomes: Iterable[Outcome], *, request_id: str | None = None) -> int:
        """See :meth:`ModelClient.report_outcomes`."""
        return await self._ask(calls.outcomes_call(outcomes), request_id)

    async def report_outcome(
        self,
        id: str,  # noqa: A002 (the contract's word)
        label: float,
        *,
        observed_at: datetime | None = None,
        source: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """See :meth:`ModelClient.report_outcome`."""
        await self.report_outcomes([Outcome(id, label, observed_at, source)], request_id=request_id)

    async def models(self, *, request_id: str | None = None) -> tuple[ServedVersion, ...]:
        """See :meth:`ModelClient.models`."""
        return await self._ask(calls.models_call(), request_id)

    async def ready(self, *, request_id: str | None = None) -> Readiness:
        """See :meth:`ModelClient.ready`."""
        return await self._ask(calls.ready_call(), request_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, call: calls.Call[T], request_id: str | None) -> T:
        tries = Tries(self._timeout, self._retries, self._clock)
        headers = calls.headers_of_call(call, request_id)
        while True:
            end = await self._try(call, headers, tries.begin())
            pause = None if call.is_answered(end) else tries.pause(end)
            if pause is None:
                return call.result(end, tries, headers["X-Request-ID"])
            await self._clock.sleep_async(pause)

    async def _try(self, call: calls.Call[T], headers: dict[str, str], limits: TryLimits) -> End:
        try:
            answer = await self._connections.ask(call.method, call.path, headers, call.content, limits)
        except (httpx.RequestError, TimeoutError) as error:
            return lost(error)
        return Reply(answer.status_code, answer.headers, answer.content)
