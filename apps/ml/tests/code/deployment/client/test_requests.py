"""What is sent: the rows as they are, once, and nothing that JSON cannot say."""

import datetime as dt
import math
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from apps.ml.deployment.client import ModelClient
from apps.ml.tests.code.deployment.client.both_clients import Ask, blocking, both
from apps.ml.tests.code.deployment.client.scripted_server import ROW, answer, prediction, predictions, scripted

NOWHERE = "http://127.0.0.1:1"
SECRET = "Jane Roe"


@both
def test_rows_and_choices_are_sent_as_they_are(ask: Ask) -> None:
    row = {"age": 41, "income": 2850.5, "purpose": "Möbel „neu“", "owner": True, "debt": None}
    with scripted(answer(predictions())) as server:
        ask(server.address, "predict", [row], model="loans", version=3, alias="champion", subject="case 7")
    assert server.asked[0][0] == "/v1/predict"
    beside = {"model": "loans", "version": 3, "alias": "champion", "subject": "case 7"}
    assert server.asked[0][2] == {"instances": [row], **beside}


@both
def test_what_is_not_chosen_is_not_sent(ask: Ask) -> None:
    with scripted(answer(predictions())) as server:
        ask(server.address, "predict", [ROW])
    assert server.asked[0][2] == {"instances": [ROW]}


@both
def test_the_key_goes_into_its_header_and_into_nothing_else(ask: Ask) -> None:
    with scripted(answer(predictions())) as server:
        ask(server.address, "predict", [ROW], client={"key": "fm_id_secret"})
        ask(server.address, "predict", [ROW])
    first, second = (headers for _, headers, _ in server.asked)
    assert first["authorization"] == "Bearer fm_id_secret"
    assert "authorization" not in second
    assert [name for name, value in first.items() if "secret" in value] == ["authorization"]
    with ModelClient(NOWHERE, "fm_id_secret") as client:
        assert "secret" not in repr(client)


def test_an_address_may_have_a_path() -> None:
    with scripted(answer(predictions())) as server:
        blocking(server.address + "/models/", "predict", [ROW])
    assert server.asked[0][0] == "/models/v1/predict"


def test_rows_may_be_any_mappings_from_any_iterable_and_stay_unaltered() -> None:
    row = MappingProxyType(dict(ROW))
    two = predictions(prediction(), prediction(id="other"))
    with scripted(answer(two)) as server:
        assert len(blocking(server.address, "predict", (row for _ in range(2))).predictions) == 2
    assert row == ROW


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_say_is_named_by_column_and_row(value: float) -> None:
    with pytest.raises(ValueError, match=r"column 'income' of row 1 is NaN or infinite.*Send None"):
        blocking(NOWHERE, "predict", [ROW, {"age": 3, "income": value}])


@pytest.mark.parametrize("value", [Decimal("1.5"), dt.date(2026, 1, 1), SECRET.encode(), {SECRET}])
def test_a_value_of_another_type_is_named_by_column_and_row_and_not_told(value: Any) -> None:
    with pytest.raises(TypeError, match=f"column 'x' of row 0 is of the type {type(value).__name__}") as caught:
        blocking(NOWHERE, "predict", [{"x": value}])
    assert SECRET not in str(caught.value)


def test_half_a_character_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="column 'x' of row 0 cannot be written as JSON in UTF-8"):
        blocking(NOWHERE, "predict", [{"x": "\ud800"}])


@pytest.mark.parametrize("rows", [["age"], [{1: 2}], [[41]], {"age": 41}])
def test_a_row_that_is_no_mapping_is_refused(rows: Any) -> None:
    with pytest.raises(TypeError, match="row 0 is no mapping"):
        blocking(NOWHERE, "predict", rows)


def test_a_call_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no row"):
        blocking(NOWHERE, "predict", [])


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "ftp://host", "http://", "http://host?x=1", "http://a b"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="begins with http:// or https://"):
        ModelClient(address)


@pytest.mark.parametrize("key", ["", " ", "a\nb", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        ModelClient(NOWHERE, key)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "x" * 65])
def test_a_request_id_that_no_log_would_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 letters"):
        blocking(NOWHERE, "predict", [ROW], request_id=name)
