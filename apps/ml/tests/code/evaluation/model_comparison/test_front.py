from apps.ml.evaluation.model_comparison.front import Axis, stand
from apps.ml.evaluation.statistics.measurement import Measurement

AXES = (Axis("performance.roc_auc", "higher"), Axis("fairness.sex.demographic_parity_difference", "lower"))


def measured(value: float, half: float) -> dict[str, float]:
    return {"value": value, "lower": value - half, "upper": value + half}


def standings(points: list[tuple[float, float]], half: float) -> list[str]:
    both = [(measured(x, half), measured(y, half)) for x, y in points]
    names = [str(at) for at in range(len(points))]
    return [point.standing for point in stand(names, both, AXES, lambda *_: None, 0.95)]


def test_a_model_that_another_one_beats_in_both_is_beaten() -> None:
    assert standings([(0.8, 0.1), (0.7, 0.2)], 0.01) == ["optimal beyond noise", "beaten"]


def test_a_trade_between_the_two_is_optimal_at_both_ends() -> None:
    assert standings([(0.8, 0.2), (0.7, 0.1)], 0.01) == ["optimal beyond noise"] * 2


def test_wide_intervals_leave_the_front_within_noise() -> None:
    assert standings([(0.8, 0.2), (0.7, 0.1)], 0.2) == ["optimal within noise"] * 2


def test_equal_models_beat_neither_one_another_nor_noise() -> None:
    assert standings([(0.8, 0.1), (0.8, 0.1)], 0.01) == ["optimal within noise"] * 2


def test_a_model_alone_is_optimal() -> None:
    assert standings([(0.8, 0.1)], 0.2) == ["optimal beyond noise"]


def test_a_paired_difference_decides_where_intervals_overlap() -> None:
    def paired(one: int, other: int, path: str, confidence: float) -> Measurement:
        sign = 0.1 if path == AXES[0].path else 0.0
        return Measurement(sign, 100, sign - 0.05, sign + 0.05, confidence)

    both = [(measured(0.8, 0.2), measured(0.2, 0.2)), (measured(0.7, 0.2), measured(0.1, 0.2))]
    found = stand(["a", "b"], both, AXES, paired, 0.95)
    assert [point.standing for point in found] == ["optimal beyond noise", "optimal within noise"]


def test_the_claims_hold_at_once() -> None:
    asked: list[float] = []

    def paired(one: int, other: int, path: str, confidence: float) -> None:
        asked.append(confidence)

    three = [(measured(0.8, 0.0), measured(0.1, 0.0))] * 3
    stand(["a", "b", "c"], three, AXES, paired, 0.95)
    assert set(asked) == {1 - 0.05 / 6}
