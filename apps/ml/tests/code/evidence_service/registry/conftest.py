from collections.abc import Iterator

import pytest

from apps.ml.tests.code.evidence_service.registry.published_registry import (
    Asking,
    Published,
    publish_small_registry,
    running_service,
)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish_small_registry(tmp_path_factory.mktemp("registry") / "a folder")


@pytest.fixture
def published(published_once: Published) -> Iterator[Published]:
    """The registry as it was published, whatever a test does to its aliases and tags."""
    yield published_once
    published_once.reset()


@pytest.fixture(scope="module")
def service(published_once: Published) -> Iterator[Asking]:
    """A running service that asks nobody for a key."""
    with running_service(published_once) as asking:
        yield asking
