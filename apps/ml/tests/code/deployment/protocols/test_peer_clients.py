"""Triton's and KServe's real clients work unchanged, and get the bundle's own numbers bit for bit."""

from pathlib import Path
from typing import Any

import pytest

from apps.ml.tests.code.deployment.protocols.conftest import NUMBERS_ONLY, Peer, of_numbers
from apps.ml.tests.peer_clients import run_peer_client, why_no_peer_clients

SCRIPTS = Path(__file__).with_name("client_scripts")
Records = list[dict[str, Any]]


@pytest.fixture(scope="module")
def request_of_all(peer: Peer, records: Records) -> dict[str, Any]:
    """What the scripts are to ask; the tests skip where the clients cannot be had."""
    reason = why_no_peer_clients()
    if reason is not None:
        pytest.skip(reason)
    return {
        "address": peer.address,
        "model": "toy_loans",
        "model of numbers": [NUMBERS_ONLY, "3"],
        "records": records,
        "arrays": [list(record.values()) for record in records],
        "columns": {name: [record[name] for record in records] for name in records[0]},
        "matrix": [
            [float("nan") if value is None else float(value) for value in row.values()] for row in of_numbers(records)
        ],
    }


@pytest.fixture(scope="module")
def triton(request_of_all: dict[str, Any]) -> Any:
    """What Triton's client got."""
    return run_peer_client(SCRIPTS / "triton_calls.py", request_of_all)


@pytest.fixture(scope="module")
def kserve(request_of_all: dict[str, Any]) -> Any:
    """What KServe's clients got."""
    return run_peer_client(SCRIPTS / "kserve_calls.py", request_of_all)


def decisions_of(peer: Peer, records: Records) -> list[int]:
    decisions = peer.answers(records).decisions
    assert decisions is not None
    return list(decisions.tolist())


def test_tritons_client_with_its_defaults_gets_exact_numbers(triton: Any, peer: Peer, records: Records) -> None:
    assert triton["defaults"]["score"] == peer.scores(records)
    assert triton["defaults"]["decision"] == decisions_of(peer, records)
    assert len(set(triton["defaults"]["id"])) == len(records)


def test_tritons_client_without_binary_data_gets_the_same(triton: Any, peer: Peer, records: Records) -> None:
    answer = triton["without binary"]
    assert (answer["score"], answer["decision"]) == (peer.scores(records), decisions_of(peer, records))
    assert (answer["id"], answer["id of request"]) == (None, "mine")


def test_tritons_client_may_mix_bytes_and_json(triton: Any, peer: Peer, records: Records) -> None:
    assert triton["mixed"]["score"] == peer.scores(records)
    assert len(set(triton["mixed"]["id"])) == len(records)


def test_tritons_client_may_send_one_matrix_of_numbers(triton: Any, peer: Peer, records: Records) -> None:
    assert triton["matrix"]["score"] == peer.scores(of_numbers(records), NUMBERS_ONLY)


def test_tritons_client_learns_what_is_served(triton: Any) -> None:
    assert [triton[word] for word in ("live", "ready", "model ready", "other model ready")] == [True, True, True, False]
    assert "binary_tensor_data" in triton["server"]["extensions"]
    datatypes = {entry["name"]: (entry["datatype"], entry["shape"]) for entry in triton["model"]["inputs"]}
    assert datatypes == {
        "age": ("INT64", [-1]),
        "monthly-income": ("FP64", [-1]),
        "purpose": ("BYTES", [-1]),
        "homeowner": ("BOOL", [-1]),
    }


def test_tritons_client_reads_an_error(triton: Any) -> None:
    status, message = triton["error"]
    assert status == "422"
    assert "column 'shoe-size': the model has no such column" in message


def test_kserves_first_client_gets_exact_numbers(kserve: Any, peer: Peer, records: Records) -> None:
    for form in ("answer", "arrays"):
        predictions = kserve["v1"][form]["predictions"]
        assert [entry["score"] for entry in predictions] == peer.scores(records)
        assert [entry["decision"] for entry in predictions] == decisions_of(peer, records)


@pytest.mark.parametrize("form", ["binary", "json", "lists", "binary both ways"])
def test_kserves_second_client_gets_exact_numbers(kserve: Any, peer: Peer, records: Records, form: str) -> None:
    answer = kserve["v2"][form]
    assert (answer["score"], answer["decision"]) == (peer.scores(records), decisions_of(peer, records))
    assert len(set(answer["id"])) == len(records)


def test_kserves_clients_learn_what_is_served(kserve: Any) -> None:
    assert [kserve["v1"][word] for word in ("live", "model ready")] == [True, True]
    second = [kserve["v2"][word] for word in ("live", "ready", "model ready", "other model ready")]
    assert second == [True, True, True, False]


def test_kserves_clients_read_errors(kserve: Any) -> None:
    for protocol in ("v1", "v2"):
        status, message = kserve[protocol]["error"]
        assert status == 422
        assert "column 'shoe-size': the model has no such column" in message
