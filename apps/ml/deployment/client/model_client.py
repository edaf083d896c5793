"""The client for ordinary code: each call blocks until it is answered, refused or out of time."""

from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import httpx

from apps.ml.deployment.client import calls
from apps.ml.deployment.client.answers import Predictions, Readiness, ServedVersion
from apps.ml.deployment.client.bodies import Row
from apps.ml.deployment.client.bounded_transport import BoundedTransport, lost, timeouts_until
from apps.ml.deployment.client.outcomes import Outcome
from apps.ml.deployment.client.settings import Clock, Retries, Timeouts
from apps.ml.deployment.client.tries import End, Reply, Tries, TryLimits

T = TypeVar("T")


class ModelClient:
    """Asks one model server; threads may share it. Close it, or use it in a `with` statement.

    Parameters
    ----------
    address
        Root address of the server, such as `http://127.0.0.1:8080`.
    key
        API key; None where the server asks for none.
    clock
        Where time, sleep and chance come from; tests give their own.

    Raises
    ------
    ValueError
        The address or the key cannot be one.
    """

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
        self._http = httpx.Client(
            base_url=calls.checked_address(address),
            headers=calls.headers_of_client(key),
            transport=BoundedTransport(clock.now),
        )

    def predict(
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
        """Return scores and decisions of rows, in their order, in one call.

        Parameters
        ----------
        instances
            One mapping per row from every column of the model to a text, a number, a truth value or None (missing).
        model, version, alias
            The version that is to answer; None: the one that the server serves first.
        subject
            The caller's name for the person or case: the same subject meets the same arm of a split. The server keeps
            its digest only.
        explain
            Whether each prediction carries its explanation: contributions and reasons.
        request_id
            Name of the call in the server's log, the same for every try; None: a new one.

        Raises
        ------
        ValueError, TypeError
            Rows that cannot be sent.
        ModelServerError
            See :mod:`apps.ml.deployment.client.errors`.
        """
        chosen = calls.Chosen(model, version, alias, subject)
        return self._ask(calls.predict_call(instances, chosen, explain), request_id)

    def explain(
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
        """Return predictions with the parts of their explanations that are asked for; else as :meth:`predict`.

        `counterfactual`: the smallest change that would lead to the favourable decision; it costs the server most.
        """
        chosen = calls.Chosen(model, version, alias, subject)
        call = calls.explain_call(instances, chosen, contributions, reasons, counterfactual)
        return self._ask(call, request_id)

    def report_outcomes(self, outcomes: Iterable[Outcome], *, request_id: str | None = None) -> int:
        """Report what came of predictions; return how many outcomes were taken: all, or none and an error."""
        return self._ask(calls.outcomes_call(outcomes), request_id)

    def report_outcome(
        self,
        id: str,  # noqa: A002 (the contract's word)
        label: float,
        *,
        observed_at: datetime | None = None,
        source: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Report what came of one prediction; see :class:`~apps.ml.deployment.client.outcomes.Outcome`."""
        self.report_outcomes([Outcome(id, label, observed_at, source)], request_id=request_id)

    def models(self, *, request_id: str | None = None) -> tuple[ServedVersion, ...]:
        """Return the versions that are served, the one that answers by default first."""
        return self._ask(calls.models_call(), request_id)

    def ready(self, *, request_id: str | None = None) -> Readiness:
        """Return whether the server answers predictions; not being ready is an answer and no error."""
        return self._ask(calls.ready_call(), request_id)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, call: calls.Call[T], request_id: str | None) -> T:
        tries = Tries(self._timeout, self._retries, self._clock)
        headers = calls.headers_of_call(call, request_id)
        while True:
            end = self._try(call, headers, tries.begin())
            pause = None if call.is_answered(end) else tries.pause(end)
            if pause is None:
                return call.result(end, tries, headers["X-Request-ID"])
            self._clock.sleep(pause)

    def _try(self, call: calls.Call[T], headers: dict[str, str], limits: TryLimits) -> End:
        extensions = {"timeout": timeouts_until(limits)}
        try:
            answer = self._http.request(
                call.method, call.path, content=call.content, headers=headers, extensions=extensions
            )
        except httpx.RequestError as error:
            return lost(error)
        return Reply(answer.status_code, answer.headers, answer.content)
