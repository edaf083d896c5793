"""The candidate against the champion: gates on changes and the guard against levelling down, on the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.evaluation.gates.changes import PairedRows, count_pairs, measure_changes
from apps.ml.evaluation.gates.judging import GateResult, Verdict, judge, together
from apps.ml.evaluation.gates.levelling import judge_levelling_down
from apps.ml.evaluation.gates.summary import by_name
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.parameters import Gate, ModelEvaluation, ModelRegistration


@dataclass(frozen=True)
class ChampionJudgement:
    """The verdict about a candidate beside the champion, its reason, the results, and everything that changed."""

    verdict: Verdict
    reason: str
    gates: tuple[GateResult, ...]
    guards: tuple[GateResult, ...]
    changes: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: verdict, reason, gates and guards by name, changes."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "gates": by_name(self.gates),
            "guards": by_name(self.guards),
            "changes": self.changes,
        }


def judge_against_champion(
    rules: ModelRegistration, parameters: ModelEvaluation, rows: PairedRows, favourable: Favourable
) -> ChampionJudgement:
    """Judge what the candidate changes for the rows that both models answered.

    Parameters
    ----------
    rules : ModelRegistration
        Gates whose reference is the champion, and the guard against levelling down. Without either the verdict is PASS:
        nothing is asked.
    parameters : ModelEvaluation
        `confidence`, where a gate names none; `minimum_group_size`; `bootstrap_replicates` and `seed`.
    rows : PairedRows
    favourable : which decision is good for the person

    Raises
    ------
    ParameterError
        A gate names an attribute or a group that these rows do not have.
    """
    changes = measure_changes(rows, favourable, parameters, parameters.confidence).metrics
    gates = judge_changes(
        rules.champion_gates,
        changes,
        parameters.confidence,
        lambda confidence: measure_changes(rows, favourable, parameters, confidence).metrics,
    )
    guards: Sequence[GateResult] = ()
    if rules.guards.levelling_down.enabled:
        names = [str(name) for name in rows.groups.columns]
        pairs = {name: count_pairs(rows, name, parameters.minimum_group_size) for name in names}
        tolerance = rules.guards.levelling_down.tolerance
        guards = judge_levelling_down(pairs, favourable, tolerance, parameters.confidence)
    verdict, reason = together([*gates, *guards]) if gates or guards else ("PASS", "nothing is asked of a candidate")
    return ChampionJudgement(verdict, reason, gates, tuple(guards), changes)


def judge_changes(
    gates: Sequence[Gate], changes: dict[str, Any], confidence: float, measure: Callable[[float], dict[str, Any]]
) -> tuple[GateResult, ...]:
    """Judge changes as if they were any measurements; at a confidence of its own a gate has them measured anew.

    Parameters
    ----------
    gates : sequence of Gate, those whose reference is the champion
    changes : mapping
        What :attr:`Changes.metrics` holds at `confidence`.
    measure : function of a confidence that measures the changes at it
    """
    results: list[GateResult] = []
    for gate in gates:
        own = gate.confidence
        asked = changes if own is None or own == confidence else measure(own)
        fixed = gate.model_copy(update={"reference": "fixed", "confidence": None})
        results += judge([fixed], asked).results
    return tuple(results)
