"""Which version answers a request, among several that are served."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.versions.model_source import FolderSource, RegistrySource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import BadInputError
from apps.ml.tests.code.deployment.versions.published import NAME, Registry

CALLER = Caller()
MOST_CALLS = 12
"""Functions that choosing may call, Python's own included; it calls half as many. A clock would measure the machine."""

AskedFor = Callable[..., Asked]


def asked(model: str | None = None, version: str | None = None, alias: str | None = None) -> Asked:
    return Asked(CALLER, "predict", model, version, alias)


@pytest.fixture(scope="module")
def shelf(published: Registry) -> Shelf:
    """Three slots: two aliases of one model, and the second version by its number."""
    published.point("blue", "first")
    published.point("green", "second")
    sources = [RegistrySource(NAME, alias="blue"), RegistrySource(NAME, alias="green"), RegistrySource(NAME, "2")]
    shelf = Shelf(sources)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", published.address)
        shelf.refresh()
    return shelf


@pytest.mark.parametrize(
    ("request_", "slot"),
    [
        (asked(), 0),
        (asked(model=NAME), 0),
        (asked(version="1"), 0),
        (asked(alias="green"), 1),
        (asked(model=NAME, version="2"), 1),
        (asked(model=NAME, version="2", alias="green"), 1),
    ],
)
def test_what_a_request_names_answers_and_of_several_the_first(shelf: Shelf, request_: Asked, slot: int) -> None:
    chosen = shelf.choose(request_)
    assert chosen.model is shelf.slots[slot].served()
    assert (chosen.asked, chosen.arm) == (request_, None)


@pytest.mark.parametrize(
    "request_",
    [asked(model="other"), asked(version="3"), asked(alias="red"), asked(version="1", alias="green")],
)
def test_what_is_not_served_is_refused_without_naming_what_was_asked(shelf: Shelf, request_: Asked) -> None:
    with pytest.raises(RefusalError, match=r"not served here\. See /v1/models\.") as caught:
        shelf.choose(request_)
    assert (caught.value.status, caught.value.code) == (404, "not_served")
    assert "other" not in str(caught.value)


def test_without_a_loaded_model_the_caller_is_told_when_to_come_again() -> None:
    with pytest.raises(RefusalError, match="No model is loaded") as caught:
        Shelf([RegistrySource(NAME, alias="blue")]).choose(asked())
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(alias="green"), 503),
        (asked(model=NAME, version="7", alias="green"), 503),
        (asked(version="3"), 503),
        (asked(model="other"), 404),
        (asked(model=NAME, alias="red"), 404),
    ],
)
def test_a_slot_that_is_empty_is_waited_for_only_if_it_may_be_meant(request_: Asked, status: int) -> None:
    shelf = Shelf([RegistrySource(NAME, alias="green"), RegistrySource(NAME, version="3")])
    with pytest.raises(RefusalError, match=r"Ask /readyz|See /v1/models") as caught:
        shelf.choose(request_)
    assert caught.value.status == status


def test_a_loaded_slot_answers_while_another_is_empty(bundle_folder: Path) -> None:
    shelf = Shelf([FolderSource(bundle_folder / "nowhere"), FolderSource(bundle_folder)])
    shelf.refresh()
    assert shelf.choose(asked(model="toy_loans")).model is shelf.slots[1].served()
    with pytest.raises(RefusalError, match="No model is loaded"):
        shelf.choose(asked())


def test_a_shelf_without_sources_is_refused() -> None:
    with pytest.raises(BadInputError, match="Name models:/<name>@<alias>"):
        Shelf([])


def test_choosing_costs_next_to_nothing(shelf: Shelf) -> None:
    plain, called = asked(), list[str]()

    def note(_: FrameType, event: str, __: object) -> None:
        called.append(event)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        shelf.choose(plain)
    finally:
        sys.setprofile(before)
    assert 0 < sum(event in ("call", "c_call") for event in called) <= MOST_CALLS
