"""Documents: what was published, under names that were listed; no path can be asked for."""

import socket
from http import HTTPStatus

import pytest

from apps.ml.tests.code.evidence_service.registry.published_registry import (
    CHAMPION,
    FAILS,
    MODEL,
    PATIENCE_SECONDS,
    ROOT,
    UNFIT_NAME,
    Asking,
    Published,
)

PLACE = f"{ROOT}/{MODEL}/versions/{CHAMPION}/documents"
TRICKS = (
    "..",
    "../evidence.json",
    "../../../../../../etc/passwd",
    "..%2f..%2fmlflow.db",
    "%2e%2e%2fparams.yaml",
    "%2e%2e/%2e%2e/mlflow.db",
    "%252e%252e%252fparams.yaml",
    "..%5c..%5cmlflow.db",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "card%00",
    "%00",
    "card%00.md",
    "card/",
    "card%2f",
    "card%20",
    "CARD",
    "model_card.md",
    "nyc_ll144.md",
    "reports%2fmodel_card.md",
    "params.yaml",
    "dvc.lock",
    "environment.json",
    "counts.parquet",
    "mlflow.db",
    "file:%2f%2f%2fetc%2fpasswd",
    "http:%2f%2f127.0.0.1%2fx",
    "%ff%fe",
    "x" * 4000,
)
SECRETS = ("root:", "SQLite format", "data_processing", "def ")


def test_documents_are_listed_by_closed_names_and_what_the_team_put_beside_them(service: Asking) -> None:
    listed = {one["name"]: one for one in service.get(PLACE).json()["documents"]}
    assert list(listed) == [
        "card", "report", "data_quality", "evidence", "verdict", "champion_comparison", "ll144", "annex_iv", "ml_bom",
        "minutes.md",
    ]  # fmt: skip
    assert listed["ml_bom"]["media_type"] == "application/vnd.cyclonedx+json"
    assert "champion_comparison" not in str(service.get(PLACE.replace("/1/", f"/{FAILS}/")).json())


def test_every_listed_document_is_given_as_it_was_published(service: Asking, published: Published) -> None:
    for one in service.get(PLACE).json()["documents"]:
        answer = service.get(f"{PLACE}/{one['name']}")
        assert len(answer.content) == one["bytes"]
        assert answer.headers["content-type"] == one["media_type"]
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        held = service.get(f"{PLACE}/{one['name']}", 304, headers={"If-None-Match": answer.headers["etag"]})
        assert held.content == b""
    card = service.get(f"{PLACE}/card")
    assert card.content == published.artifact(CHAMPION, "reports/model_card.md").read_bytes()
    assert card.headers["content-disposition"] == 'attachment; filename="model_card.md"'


@pytest.mark.parametrize("name", [*TRICKS, UNFIT_NAME.replace('"', "%22")])
def test_no_other_path_can_be_asked_for(name: str, service: Asking) -> None:
    """Sent by hand: a client of HTTP would take the dots out of a path before it asks."""
    status, body = _raw(service, f"{PLACE}/{name}")
    assert status == HTTPStatus.NOT_FOUND
    assert '"error"' in body
    assert not any(secret in body for secret in SECRETS)


def _raw(service: Asking, target: str) -> tuple[int, str]:
    url = service.client.base_url
    with socket.create_connection((url.host, url.port or 80), PATIENCE_SECONDS) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body
