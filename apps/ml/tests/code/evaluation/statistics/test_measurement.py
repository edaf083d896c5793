import pytest

from apps.ml.evaluation.statistics.measurement import Measurement, undefined


def test_a_measurement_survives_the_way_through_its_dict() -> None:
    full = Measurement(0.25, 8, 0.1, 0.5, 0.95, "some method", 2, 8)
    assert Measurement.from_dict(full.to_dict()) == full
    reason = undefined("there are no rows", numerator=0, denominator=0)
    assert Measurement.from_dict(reason.to_dict()) == reason


def test_the_dict_holds_value_and_n_always_and_other_fields_only_where_set() -> None:
    assert Measurement(0.5, 4).to_dict() == {"value": 0.5, "n": 4}
    assert undefined("there are no rows").to_dict() == {"value": None, "n": 0, "undefined": "there are no rows"}


def test_only_a_value_makes_a_measurement_defined() -> None:
    assert Measurement(0.0, 4).is_defined
    assert not undefined("there are no rows").is_defined


@pytest.mark.parametrize(("value", "reason"), [(None, None), (0.5, "why")])
def test_a_measurement_has_either_a_value_or_a_reason(value: float | None, reason: str | None) -> None:
    with pytest.raises(ValueError, match="either a value or a reason"):
        Measurement(value, 3, undefined=reason)
