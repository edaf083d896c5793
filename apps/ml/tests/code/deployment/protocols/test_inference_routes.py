"""The Open Inference Protocol over real HTTP: exact numbers, exact refusals. Real clients are in test_peer_clients."""

import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest

from apps.ml.tests.code.deployment.protocols.conftest import (
    AMOUNTS,
    EVIDENCE,
    FEW,
    NUMBERS_ONLY,
    Peer,
    of_numbers,
)

Records = list[dict[str, Any]]
INFER = "/v2/models/toy_loans/infer"
SIZE = "Inference-Header-Content-Length"
DATATYPES = {"age": "INT64", "monthly-income": "FP64", "purpose": "BYTES", "homeowner": "BOOL"}


def inputs_of(records: Records) -> list[dict[str, Any]]:
    """One JSON input per column, null where missing."""
    return [
        {"name": name, "shape": [len(records)], "datatype": datatype, "data": [record[name] for record in records]}
        for name, datatype in DATATYPES.items()
        if name in records[0]
    ]


def with_input(records: Records, column: str, **changed: Any) -> dict[str, Any]:
    """A body of which one input is changed; a change to None takes the key away."""
    inputs = inputs_of(records)
    for entry in inputs:
        if entry["name"] == column:
            entry.update(changed)
    return {"inputs": [{key: value for key, value in entry.items() if value is not None} for entry in inputs]}


def infer(peer: Peer, body: Any, path: str = INFER) -> httpx.Response:
    return peer.http.post(path, json=body)


def binary(peer: Peer, head: dict[str, Any], tail: bytes, size: Any = None) -> httpx.Response:
    """Send JSON with bytes behind it."""
    written = json.dumps(head).encode()
    headers = {SIZE: str(len(written) if size is None else size)}
    return peer.http.post(INFER, content=written + tail, headers=headers)


def output(answer: httpx.Response, name: str) -> Any:
    return next(entry for entry in answer.json()["outputs"] if entry["name"] == name)


def test_inputs_in_any_order_get_the_bundles_own_numbers(peer: Peer, records: Records) -> None:
    answer = infer(peer, {"inputs": inputs_of(records)[::-1], "parameters": {"content_type": "pd"}, "id": "mine"})
    content = answer.json()
    assert (content["model_name"], content["id"]) == ("toy_loans", "mine")
    assert output(answer, "score") == {
        "name": "score",
        "datatype": "FP64",
        "shape": [len(records)],
        "data": peer.scores(records),
    }
    decisions = peer.answers(records).decisions
    assert decisions is not None
    assert output(answer, "decision")["data"] == decisions.tolist()
    assert len(set(output(answer, "id")["data"])) == len(records)


def test_a_version_names_itself_and_its_evidence(peer: Peer, records: Records) -> None:
    body = {"inputs": inputs_of(of_numbers(records)), "outputs": [{"name": "score"}]}
    content = infer(peer, body, f"/v2/models/{NUMBERS_ONLY}/versions/3/infer").json()
    assert (content["model_version"], content["parameters"]) == ("3", {"evidence": EVIDENCE})
    assert [entry["name"] for entry in content["outputs"]] == ["score"]
    assert content["outputs"][0]["data"] == peer.scores(of_numbers(records), NUMBERS_ONLY)


def test_an_alias_may_stand_behind_the_name(peer: Peer, records: Records) -> None:
    body = {"inputs": inputs_of(of_numbers(records))}
    content = infer(peer, body, f"/v2/models/{NUMBERS_ONLY}@champion/infer").json()
    assert (content["model_name"], content["model_version"]) == (NUMBERS_ONLY, "3")
    assert peer.http.get(f"/v1/models/{NUMBERS_ONLY}@champion").json()["ready"]
    assert infer(peer, body, f"/v2/models/{NUMBERS_ONLY}@candidate/infer").status_code == 404


@pytest.mark.parametrize("nested", [False, True])
def test_one_matrix_of_numbers_holds_the_columns_in_their_order(peer: Peer, records: Records, nested: bool) -> None:
    numbers = [list(record.values()) for record in of_numbers(records)]
    rows = [[value if value is None else float(value) for value in row] for row in numbers]
    data: list[Any] = rows if nested else [value for row in rows for value in row]
    matrix = {"name": "rows", "shape": [len(rows), 3], "datatype": "FP64", "data": data}
    answer = infer(peer, {"inputs": [matrix]}, f"/v2/models/{NUMBERS_ONLY}/infer")
    assert output(answer, "score")["data"] == peer.scores(of_numbers(records), NUMBERS_ONLY)


def test_columns_may_stand_upright(peer: Peer, records: Records) -> None:
    inputs = [
        {**entry, "shape": [len(records), 1], "data": [[value] for value in entry["data"]]}
        for entry in inputs_of(records)
    ]
    assert output(infer(peer, {"inputs": inputs}), "score")["data"] == peer.scores(records)


@pytest.mark.parametrize("datatype", ["INT8", "UINT8", "INT16", "UINT32", "INT64", "UINT64", "FP16", "FP32", "FP64"])
def test_a_whole_number_may_have_any_datatype_of_numbers(peer: Peer, records: Records, datatype: str) -> None:
    ages = [record["age"] for record in records]
    data = np.array(ages).astype(datatype.lower().replace("fp", "float")).tobytes()
    head = with_input(records, "age", datatype=datatype, data=None, parameters={"binary_data_size": len(data)})
    answers = [binary(peer, head, data), infer(peer, with_input(records, "age", datatype=datatype))]
    assert [output(answer, "score")["data"] for answer in answers] == [peer.scores(records)] * 2


def test_an_empty_text_is_a_missing_category(peer: Peer, records: Records) -> None:
    written = ["" if record["purpose"] is None else record["purpose"] for record in records]
    answer = infer(peer, with_input(records, "purpose", data=written))
    assert output(answer, "score")["data"] == peer.scores(records)


def test_a_model_of_numbers_has_no_decision(peer: Peer, records: Records) -> None:
    path = f"/v2/models/{AMOUNTS}"
    content = infer(peer, {"inputs": inputs_of(records)}, f"{path}/infer").json()
    assert [entry["name"] for entry in content["outputs"]] == ["score", "id"]
    assert [entry["name"] for entry in peer.http.get(path).json()["outputs"]] == ["score", "id"]
    asked = {"inputs": inputs_of(records), "outputs": [{"name": "decision"}]}
    assert infer(peer, asked, f"{path}/infer").status_code == 400


def test_what_is_served_is_told(peer: Peer) -> None:
    server = peer.http.get("/v2").json()
    assert server["extensions"] == ["binary_tensor_data"]
    model = peer.http.get(f"/v2/models/{NUMBERS_ONLY}/versions/3").json()
    assert (model["name"], model["versions"]) == (NUMBERS_ONLY, ["3"])
    assert {entry["name"]: entry["datatype"] for entry in model["inputs"]} == {
        "age": "INT64",
        "monthly-income": "FP64",
        "homeowner": "BOOL",
    }
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert peer.http.get(path).json() == {"live": True, "ready": True}


@pytest.mark.parametrize("path", ["", "/ready", "/versions/9", "/versions/9/ready"])
def test_what_is_not_served_is_an_error_in_the_protocols_shape(peer: Peer, path: str) -> None:
    model = "toy_loans" if "9" in path else "nobody"
    answer = peer.http.get(f"/v2/models/{model}{path}")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


ONE: Records = [{"age": 40, "monthly-income": 1.5, "purpose": "car", "homeowner": True}]
WRONG: dict[str, tuple[Any, int, str]] = {
    "no object": ([], 400, "The body is not a JSON object"),
    "no inputs": ({"inputs": []}, 400, "no inputs"),
    "an input that is no object": ({"inputs": [1]}, 400, "An input is not a JSON object"),
    "a number for an id": ({"id": 1, "inputs": inputs_of(ONE)}, 400, "'id' is no text"),
    "no name": (with_input(ONE, "age", name=None), 400, "no name"),
    "an unknown datatype": (with_input(ONE, "age", datatype="INT128"), 400, "unknown datatype"),
    "a list for a datatype": (with_input(ONE, "age", datatype=["INT64"]), 400, "unknown datatype"),
    "no shape": (with_input(ONE, "age", shape=None), 400, "The shape of an input"),
    "a negative shape": (with_input(ONE, "age", shape=[-1]), 400, "The shape of an input"),
    "a true shape": (with_input(ONE, "age", shape=[True]), 400, "The shape of an input"),
    "a shape of three": (with_input(ONE, "age", shape=[1, 1, 1]), 400, "The shape of an input"),
    "a shape of nothing": (with_input(ONE, "age", shape=[0], data=[]), 422, "no rows"),
    "a shape beyond all memory": (with_input(ONE, "age", shape=[1, 2**62]), 400, "does not fit its elements"),
    "too many rows": (with_input(ONE, "age", shape=[FEW.instances + 1]), 413, "more than 60 rows"),
    "more rows than any integer": (with_input(ONE, "age", shape=[2**64]), 413, "more than 60 rows"),
    "another shape than data": (with_input(ONE, "age", shape=[2]), 400, "do not fit its shape"),
    "other rows than beside it": (with_input(ONE, "age", shape=[2], data=[1, 2]), 400, "different numbers of rows"),
    "two columns in one of several": (with_input(ONE, "age", shape=[1, 2], data=[1, 2]), 400, "wider than one column"),
    "ragged data": (with_input(ONE, "age", shape=[1, 1], data=[[1, 2]]), 400, "do not fit its shape"),
    "no data": (with_input(ONE, "age", data=None), 400, "no array 'data'"),
    "a number beyond its datatype": (with_input(ONE, "age", datatype="INT8", data=[300]), 400, "not of its datatype"),
    "half a whole number": (with_input(ONE, "age", data=[1.5]), 400, "not of its datatype"),
    "text for a number": (with_input(ONE, "age", data=["40"]), 400, "not of its datatype"),
    "true for a number": (with_input(ONE, "age", data=[True]), 400, "not of its datatype"),
    "a number beyond floats": (with_input(ONE, "monthly-income", data=[10**400]), 422, "infinite or not a number"),
    "text in a column of numbers": (with_input(ONE, "age", datatype="BYTES", data=["40"]), 422, "wrong type"),
    "a number in a column of text": (with_input(ONE, "purpose", datatype="INT8", data=[1]), 422, "wrong type"),
    "null where something is needed": (with_input(ONE, "age", data=[None]), 422, "may not be missing"),
    "a column twice": ({"inputs": [*inputs_of(ONE), inputs_of(ONE)[0]]}, 400, "Two inputs have one name"),
    "a missing column": ({"inputs": inputs_of(ONE)[1:]}, 422, "column 'age': the column is absent"),
    "base64": ({"inputs": inputs_of(ONE), "parameters": {"content_type": "base64"}}, 400, "content_type"),
    "shared memory": (with_input(ONE, "age", parameters={"shared_memory_region": "x"}), 400, "Shared memory"),
    "bytes that are not there": (
        with_input(ONE, "age", data=None, parameters={"binary_data_size": 8}),
        400,
        "no number of bytes that follow",
    ),
    "an unknown output": ({"inputs": inputs_of(ONE), "outputs": [{"name": "x"}]}, 400, "score, decision, id"),
    "an output twice": ({"inputs": inputs_of(ONE), "outputs": [{"name": "id"}] * 2}, 400, "asked for twice"),
    "classification": (
        {"inputs": inputs_of(ONE), "outputs": [{"name": "score", "parameters": {"classification": 3}}]},
        400,
        "Classification",
    ),
    "a flag that is none": (
        {"inputs": inputs_of(ONE), "parameters": {"binary_data_output": "yes"}},
        400,
        "neither true nor false",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_refused_in_the_protocols_shape(peer: Peer, case: str) -> None:
    body, status, words = WRONG[case]
    answer = infer(peer, body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert words in answer.json()["error"]


TEXT = struct.pack("<I", 3) + b"car"
BROKEN: dict[str, tuple[str, bytes, Any]] = {
    "an element longer than the bytes": ("BYTES", struct.pack("<I", 9) + b"car", 7),
    "an element of nearly all memory": ("BYTES", struct.pack("<I", 2**32 - 1) + b"car", 7),
    "half a length": ("BYTES", b"\x03\x00", 2),
    "two elements for one": ("BYTES", TEXT * 2, 14),
    "no element for one": ("BYTES", b"", 0),
    "text that is not UTF-8": ("BYTES", struct.pack("<I", 1) + b"\xff", 5),
    "a size below nothing": ("BYTES", TEXT, -1),
    "a size beyond the body": ("BYTES", TEXT, 8),
    "a size beyond all integers": ("BYTES", TEXT, 2**64),
    "a true size": ("BYTES", TEXT, True),
    "a size in words": ("BYTES", TEXT, "7"),
    "bytes that nobody asked for": ("BYTES", TEXT + b"x", 7),
    "a number of seven bytes": ("FP64", b"\0" * 7, 7),
    "two numbers for one": ("FP64", b"\0" * 16, 16),
    "a truth value of two": ("BOOL", b"\x02", 1),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bytes_that_are_not_what_they_claim_are_refused(peer: Peer, case: str) -> None:
    datatype, tail, size = BROKEN[case]
    head = with_input(ONE, "purpose", datatype=datatype, data=None, parameters={"binary_data_size": size})
    answer = binary(peer, head, tail)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize("size", ["-1", "1e3", "", "99999999999999999999999", "٣", "0", "10"])
def test_a_wrong_size_of_the_json_is_refused(peer: Peer, size: str) -> None:
    content = json.dumps({"inputs": inputs_of(ONE)}).encode()
    headers = [(SIZE.encode(), size.encode())]
    answer = peer.http.post(INFER, content=content, headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_a_model_of_categories_takes_no_matrix_of_numbers(peer: Peer) -> None:
    matrix = {"name": "rows", "shape": [1, 4], "datatype": "FP64", "data": [40, 1, 2, 1]}
    answer = infer(peer, {"inputs": [matrix]})
    assert answer.status_code == 422
    assert "column 'purpose': the value has the wrong type" in answer.json()["error"]


def test_other_bodies_than_the_protocols_are_refused(peer: Peer) -> None:
    answers = [
        peer.http.post(INFER, content=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        peer.http.post(INFER, content=b"{}", headers={"Content-Encoding": "gzip"}),
        peer.http.post(INFER, content=b""),
        peer.http.post(INFER, content=b" " * (FEW.body_bytes + 1)),
    ]
    assert [answer.status_code for answer in answers] == [415, 415, 400, 413]
    assert all(list(answer.json()) == ["error"] for answer in answers)
