"""Whatever is sent to a peer's path, the answer is no failure of the server, has one shape, and echoes no value."""

import copy
import json
import struct
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.tests.code.deployment.protocols.conftest import Peer

SECRET = "zebra-881188"
SHAPES = ({"error"}, {"error_code", "message"})
ROW = {"age": 40, "monthly-income": 881188.25, "purpose": SECRET, "homeowner": True}
COLUMNS = {name: [value, value] for name, value in ROW.items()}
DATATYPES = {"age": "INT64", "monthly-income": "FP64", "purpose": "BYTES", "homeowner": "BOOL"}
ID, EACH = {"name": "id"}, {"name": "score", "parameters": {"binary_data": True}}
INFER: dict[str, Any] = {
    "id": "mine",
    "parameters": {"content_type": "pd", "binary_data_output": False},
    "inputs": [
        {"name": name, "shape": [2], "datatype": DATATYPES[name], "data": values} for name, values in COLUMNS.items()
    ],
    "outputs": [ID, EACH],
}
SOUND: list[tuple[str, dict[str, Any]]] = [
    ("/invocations", {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())] * 2}}),
    ("/invocations", {"dataframe_records": [ROW, ROW]}),
    ("/invocations", {"instances": [list(ROW.values())], "params": {}}),
    ("/invocations", {"inputs": COLUMNS}),
    ("/v1/models/toy_loans:predict", {"instances": [ROW, ROW]}),
    ("/v2/models/toy_loans/infer", INFER),
]
TAIL = b"".join(
    (
        struct.pack("<2q", 40, 41),
        struct.pack("<2d", 881188.25, float("nan")),
        (struct.pack("<I", len(SECRET)) + SECRET.encode()) * 2,
        b"\x01\x00",
    )
)
SIZES = (16, 16, 2 * (4 + len(SECRET)), 2)
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 2**31, 2**63, 2**64, 10**400, 1.5, -0.0, 1e308, "", SECRET, "FP64", "BYTES", [],
    {}, [[]], [None], [SECRET], {"a": SECRET}, [[SECRET, 1]], {"content_type": SECRET}, {"binary_data_size": 7}, [2, 2],
]  # fmt: skip
NAMES = {"name", "columns"}
ODD_NAMES = [value for value in ODD if SECRET not in json.dumps(value)]
"""Names of columns are no values of people, and a refusal says which one it does not know."""


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a JSON document."""
    found = [place]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*place, key))
    return found


@st.composite
def changed(draw: st.DrawFn, sound: Any) -> Any:
    """The document with one to three places changed, dropped or doubled."""
    document: dict[str, Any] = {"root": copy.deepcopy(sound)}
    for _ in range(draw(st.integers(1, 3))):
        steps: list[Any] = ["root", *draw(st.sampled_from(places(document["root"])))]
        around: Any = document
        last = steps.pop()
        for key in steps:
            around = around[key]
        kind = draw(st.sampled_from(["replace", "replace", "drop", "double"]))
        if kind == "replace" or last == "root":
            around[last] = copy.deepcopy(draw(st.sampled_from(ODD_NAMES if NAMES & {*steps, last} else ODD)))
        elif kind == "drop":
            del around[last]
        elif isinstance(around, list):
            around.append(copy.deepcopy(around[last]))
    return document["root"]


def require_orderly(answer: httpx.Response) -> None:
    """An answer or a refusal in one shape without a value."""
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert set(answer.json()) in SHAPES
        assert SECRET not in answer.text
        assert "881188" not in answer.text


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_json_is_answered_in_order(peer: Peer, data: st.DataObject) -> None:
    path, sound = data.draw(st.sampled_from(SOUND))
    body = json.dumps(data.draw(changed(sound))).encode()
    require_orderly(peer.http.post(path, content=body, headers={"Content-Type": "application/json"}))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_changed_binary_bodies_are_answered_in_order(peer: Peer, data: st.DataObject) -> None:
    sound = copy.deepcopy(INFER)
    for entry, size in zip(sound["inputs"], SIZES, strict=True):
        entry["parameters"] = {"binary_data_size": size}
        del entry["data"]
    head = json.dumps(data.draw(st.one_of(st.just(sound), changed(sound)))).encode()
    tail = bytearray(TAIL)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(tail)))
        tail[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    size = len(head) + data.draw(st.sampled_from([0, 0, 0, 0, -1, 1, 7, 10_000]))
    headers = {"Inference-Header-Content-Length": str(size), "Content-Type": "application/octet-stream"}
    require_orderly(peer.http.post("/v2/models/toy_loans/infer", content=head + bytes(tail), headers=headers))


def test_the_bodies_that_are_changed_are_sound(peer: Peer) -> None:
    for path, sound in SOUND:
        assert peer.http.post(path, json=sound).status_code == 200
