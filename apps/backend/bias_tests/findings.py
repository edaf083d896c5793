"""What an audit says about one attribute, read from the engine's answer and checked to be what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from apps.backend.bias_tests.bodies import Detection
from apps.backend.bias_tests.metrics import METRICS, Metric, MetricName, gate_of
from apps.backend.upstreams.audits import AuditAnswer, GateAnswer, Judged, Measurement
from apps.backend.upstreams.evidence_service import broken

IMPACT_RATIO = "impact_ratio"
BASE_RATES = "base_rate_difference"
Content = TypeVar("Content", bound=BaseModel)


class FourFifths(BaseModel):
    """A group beside the one that is decided favourably most often (29 CFR 1607.4(D))."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    compared_with: str
    below: bool
    p_value: float | None = None
    one_person_decides: bool | None = None


class _Standing(BaseModel):
    """What is said of a group besides its rates."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n: int
    judged: bool
    why_not: str | None = None
    four_fifths: FourFifths | None = None


@dataclass(frozen=True)
class Group:
    """A group. `n`: its rows; `rates`: what the engine says of it, by name of the rate."""

    n: int
    judged: bool
    why_not: str | None
    four_fifths: FourFifths | None
    rates: Mapping[str, Any]

    def rate(self, name: str) -> Measurement | None:
        """Return one of its rates, None where the engine did not measure such a thing."""
        found = self.rates.get(name)
        return None if found is None else _checked(Measurement, found)


@dataclass(frozen=True)
class Finding:
    """What the engine says to one metric.

    `measured`: the measurement that is held against the limit; `difference`: the gap beside it; `gate`: the verdict;
    `judged`: what the verdict rests on, None where the measurement is undefined.
    """

    measured: Measurement
    difference: Measurement
    gate: GateAnswer
    judged: Judged | None


class Findings:
    """The part of an audit's answer that is about the attribute of a test.

    Raises
    ------
    ProblemError
        503 the answer is not about what was asked, here and in every function.
    """

    def __init__(self, answer: AuditAnswer, body: Detection) -> None:
        if len(answer.fairness) != 1:
            raise broken("an audit of other attributes")
        self.answer, self._threshold = answer, body.fairness_threshold
        self._content = next(iter(answer.fairness.values()))
        self.groups = {name: _group(content) for name, content in _mapping(self._content.get("groups")).items()}

    def comparison(self, name: str) -> Measurement:
        """Return a comparison between the groups."""
        return _checked(Measurement, self._content.get(name))

    def of(self, name: MetricName) -> Finding:
        """Return what the engine says to a metric that was asked."""
        metric = METRICS[name]
        measured = self.comparison(metric.measurement)
        gate = self._gate(metric)
        found = list(gate.measurements.values())
        judged = found[0] if len(found) == 1 else None
        if measured.value is not None and (judged is None or judged.value != measured.value):
            raise broken("a gate that judged another measurement")
        return Finding(measured, self.comparison(metric.difference), gate, judged)

    def is_one_decision(self) -> bool:
        """Tell whether everybody was decided alike."""
        found = [group.rate("selection_rate") for group in self.groups.values()]
        rates = {None if rate is None else rate.value for rate in found}
        return rates in ({0.0}, {1.0})

    def _gate(self, metric: Metric) -> GateAnswer:
        gates = self.answer.gates
        gate = None if gates is None else gates.gates.get(gate_of(metric, self._threshold))
        if gate is None:
            raise broken("an audit without a gate that was asked for")
        return gate


def _group(content: Any) -> Group:
    standing = _checked(_Standing, content)
    return Group(standing.n, standing.judged, standing.why_not, standing.four_fifths, _mapping(content))


def _mapping(content: Any) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise broken("an audit without groups")
    return content


def _checked(model: type[Content], content: Any) -> Content:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise broken(f"no {model.__name__}") from error
