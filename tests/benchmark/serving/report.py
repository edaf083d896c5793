"""Medians over rounds, ratios round by round, and how they stand to the goals."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmark.serving.cases import EXPLAINED, HUNDRED, ONE, ONE_ALONE, Case
from tests.benchmark.serving.contenders import ECHO, MLFLOW_BUNDLE, MLFLOW_PIPELINE, OURS

Round = dict[tuple[str, str, int], dict[str, Any]]


@dataclass(frozen=True)
class Goal:
    """A ratio of two figures of one round. `least`: whether it is to be at least the limit, else at most.

    `judged`: whether the benchmark's exit code depends on it.
    """

    name: str
    limit: float
    least: bool
    ratio: Callable[[Round], float]
    judged: bool = True

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio is good enough."""
        return ratio >= self.limit if self.least else ratio <= self.limit


def _rates(case: Case, other: str, other_case: Case) -> Callable[[Round], float]:
    def ratio(found: Round) -> float:
        ours, theirs = found[_key(OURS, case)], found[_key(other, other_case)]
        return (ours["requests"] / ours["seconds"]) / (theirs["requests"] / theirs["seconds"])

    return ratio


def _p99s(found: Round) -> float:
    return float(found[_key(OURS, ONE_ALONE)]["p99"] / found[_key(ECHO, ONE_ALONE)]["p99"])


def _key(contender: str, case: Case) -> tuple[str, str, int]:
    return contender, case.name, case.connections


GOALS = (
    Goal("one row, rate / MLflow's", 100, True, _rates(ONE, MLFLOW_PIPELINE, ONE)),
    Goal("one row, rate / echo's", 0.3, True, _rates(ONE, ECHO, ONE)),
    Goal("one row, p99 / echo's, 1 connection", 5, False, _p99s),
    Goal("explained, rate / MLflow's without", 30, True, _rates(EXPLAINED, MLFLOW_PIPELINE, ONE)),
    Goal("100 rows, rate / MLflow's", 20, True, _rates(HUNDRED, MLFLOW_PIPELINE, HUNDRED)),
    Goal("one row, rate / MLflow's, our model", 100, True, _rates(ONE, MLFLOW_BUNDLE, ONE), judged=False),
    Goal("explained, rate / MLflow's, our model", 30, True, _rates(EXPLAINED, MLFLOW_BUNDLE, ONE), judged=False),
    Goal("100 rows, rate / MLflow's, our model", 20, True, _rates(HUNDRED, MLFLOW_BUNDLE, HUNDRED), judged=False),
)


def judged(found: dict[str, Any]) -> dict[str, Any]:
    """Return the measurements with medians and goals beside them, ready for JSON."""
    rounds = _rounds(found["figures"])
    medians = [
        {"contender": key[0], "case": key[1], "connections": key[2], **_medians([one[key] for one in rounds])}
        for key in rounds[0]
    ]
    goals = []
    for goal in GOALS:
        ratios = [goal.ratio(one) for one in rounds]
        middle = statistics.median(ratios)
        about = {"goal": goal.name, "limit": goal.limit, "at least": goal.least, "judged": goal.judged}
        goals.append({**about, "ratio": middle, "of rounds": ratios, "met": goal.is_met(middle)})
    return {**found, "medians": medians, "goals": goals}


def all_met(report: dict[str, Any]) -> bool:
    """Whether every goal that is judged was met."""
    return all(goal["met"] for goal in report["goals"] if goal["judged"])


def show(report: dict[str, Any]) -> None:
    """Print both tables."""
    console = Console()
    console.print(_figures_table(report))
    console.print(_goals_table(report))
    told = report["scorer"] or "not told"
    console.print(f"Load: {report['load']}. Scorer of this server: {told}. All servers gave the model's scores.")


def _figures_table(report: dict[str, Any]) -> Table:
    table = Table(title="One model of 14 mixed columns, medians of the rounds", title_justify="left")
    for heading in ("case", "over", "contender", "answers/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="left" if heading in ("case", "contender") else "right")
    for row in sorted(report["medians"], key=lambda one: (one["case"], one["connections"])):
        cells = (f"{row['rate']:,.0f}", f"{row['p50']:.2f}", f"{row['p99']:.2f}")
        table.add_row(row["case"], str(row["connections"]), row["contender"], *cells)
    return table


def _goals_table(report: dict[str, Any]) -> Table:
    table = Table(title="Ratios, round by round, at 16 connections", title_justify="left")
    for heading in ("ratio", "goal", "median", "worst", "met"):
        table.add_column(heading, justify="left" if heading == "ratio" else "right")
    for goal in report["goals"]:
        sign, worst = ("≥", min) if goal["at least"] else ("≤", max)
        met = ("yes" if goal["met"] else "no") if goal["judged"] else "–"
        cells = (f"{sign} {goal['limit']:g}", f"{goal['ratio']:,.2f}", f"{worst(goal['of rounds']):,.2f}", met)
        table.add_row(goal["goal"], *cells)
    return table


def _rounds(figures: list[dict[str, Any]]) -> list[Round]:
    rounds: dict[int, Round] = {}
    for one in figures:
        rounds.setdefault(one["round"], {})[(one["contender"], one["case"], one["connections"])] = one
    return [rounds[number] for number in sorted(rounds)]


def _medians(measured: list[dict[str, Any]]) -> dict[str, float]:
    rate = statistics.median(one["requests"] / one["seconds"] for one in measured)
    return {"rate": rate, **{name: statistics.median(one[name] for one in measured) for name in ("p50", "p99")}}
