"""One service with generous bounds for the tests that need none of their own."""

from collections.abc import Iterator

import pytest

from apps.ml.tests.code.evidence_service.audits.served_audits import Served, served


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("audits") / "private") as running:
        yield running
