"""The shelf: every version that this process serves."""

import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus

from apps.ml.deployment.requests.caller import Asked
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.versions.chosen import Chosen
from apps.ml.deployment.versions.kept_versions import KeptVersions
from apps.ml.deployment.versions.model_slot import ModelSlot, State, not_ready
from apps.ml.deployment.versions.model_source import FORMS, ModelSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.slot_facts import SwapFacts
from apps.ml.errors import BadInputError


class Shelf:
    """Slots in the order in which they were named; the first answers requests that name none.

    Parameters
    ----------
    sources
        At least one; :class:`BadInputError` for none.
    on_served
        Told of every version that begins to serve, before it answers a request.
    kept
        Versions that stay in memory after they were replaced; None: two for an hour.
    """

    def __init__(
        self,
        sources: Sequence[ModelSource],
        on_served: Callable[[ServedModel], None] = lambda _: None,
        kept: KeptVersions | None = None,
    ) -> None:
        if not sources:
            raise BadInputError(f"No model is named. Name {FORMS}.")
        self.kept = kept or KeptVersions()
        self.slots = [ModelSlot(source, self.kept) for source in sources]
        self._on_served = on_served
        self._one_at_a_time = threading.Lock()

    @property
    def state(self) -> State:
        """`ready` once every slot is."""
        states = {slot.state for slot in self.slots}
        if "failed" in states:
            return "failed"
        return "loading" if "loading" in states else "ready"

    @property
    def reason(self) -> str | None:
        """Why the shelf is not ready; None when it is."""
        reasons = [slot.reason for slot in self.slots if slot.reason is not None]
        return " ".join(reasons) or None

    def served(self) -> list[ServedModel]:
        """Return the versions that answer now."""
        return [slot.model for slot in self.slots if slot.model is not None]

    def choose(self, asked: Asked) -> Chosen:
        """Return the version that the request means; of several the one that was named first to the server.

        Raises
        ------
        RefusalError
            404 for what is not served; 503 with Retry-After where what is meant is not loaded.
        """
        if asked.model is None and asked.version is None and asked.alias is None:
            return Chosen(asked, self.slots[0].served())
        is_loading = False
        for slot in self.slots:
            model = slot.model
            if model is None:
                is_loading = is_loading or slot.may_come_to_mean(asked)
            elif _is_meant(asked, model):
                return Chosen(asked, model)
        if is_loading:
            raise not_ready()
        message = "The request asks for a model, version or alias that is not served here. See /v1/models."
        raise RefusalError(HTTPStatus.NOT_FOUND, "not_served", message)

    def fill_in_background(self, on_finished: Callable[["Shelf"], None] = lambda _: None) -> None:
        """Start loading and return at once; `on_finished` is called from the loading thread, whatever came of it."""
        threading.Thread(target=self._fill, args=(on_finished,), name="model-loading", daemon=True).start()

    def refresh(self, again: bool = False) -> list[SwapFacts]:
        """Load what the sources name now beside what is served, swap it in, and return the swaps.

        Never raises for a version or a registry that is not in order; the slots say it. A second caller waits until the
        first is done. `again`: versions that were refused are tried once more.
        """
        with self._one_at_a_time:
            self.kept.let_go()
            swaps = [slot.refresh(self._on_served, again) for slot in self.slots]
        return [swap for swap in swaps if swap is not None]

    def _fill(self, on_finished: Callable[["Shelf"], None]) -> None:
        try:
            with self._one_at_a_time:
                for slot in self.slots:
                    slot.fill(self._on_served)
        finally:
            on_finished(self)


def _is_meant(asked: Asked, model: ServedModel) -> bool:
    pairs = ((asked.model, model.name), (asked.version, model.version), (asked.alias, model.alias))
    return all(wanted is None or wanted == there for wanted, there in pairs)
