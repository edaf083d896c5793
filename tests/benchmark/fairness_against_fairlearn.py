"""Time fairness over groups against fairlearn's MetricFrame, in turn, in one run, from the same rows.

`python -m tests.benchmark.fairness_against_fairlearn [--rows N] [--rounds N] [--replicates N] [--json]`. Two pairs:

- *assessment*: three attributes and the crossing of all three. Here: every comparison and group rate, each with its
  interval, its simultaneous interval and the groups it is between. There: point estimates of seven metrics, their
  difference and ratio; the frame of fairlearn gives no interval without a bootstrap.
- *bootstrap*: the largest gap of six rates over one attribute, drawn anew 1,000 times, counting of the rows included.
  Here: draws of counts, which have the distribution of a bootstrap over rows stratified by group. There: `n_boot`,
  measured on a few replicates and scaled linearly to 1,000, because all of them would take hours.

Times are seconds of processor time in one process. Both find the same six differences, or the run ends with an error.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from apps.ml.evaluation.fairness.assessment import assess_joint
from apps.ml.evaluation.statistics.counting.counts import count
from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.evaluation.statistics.shares.intervals import resample_counts
from apps.ml.evaluation.statistics.shares.rates import RATES
from apps.ml.parameters import ModelEvaluation
from tests.benchmark.made_decisions import made_decisions

GOAL_ASSESSMENT, GOAL_BOOTSTRAP = 50, 1000
ATTRIBUTES = ("sex", "region", "age")
CROSSED = " × ".join(ATTRIBUTES)
BOOTSTRAP_REPLICATES = 1000
COMPARED = {
    "selection_rate": "demographic_parity_difference",
    "true_positive_rate": "equal_opportunity_difference",
    "false_positive_rate": "predictive_equality_difference",
    "false_negative_rate": "false_negative_rate_difference",
    "true_negative_rate": "predictive_equality_difference",
    "accuracy": "accuracy_difference",
}
"""Metric of the frame → the comparison that is its difference between groups."""


def main() -> int:
    """Print the table; exit code 1 where the two sides find different numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1, help="times that both sides are timed, in turn")
    parser.add_argument("--replicates", type=int, default=2, help="replicates that fairlearn is measured on")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    rows = pd.concat(list(made_decisions(options.rows)), ignore_index=True)
    rows = rows.astype(dict.fromkeys(ATTRIBUTES, "category"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = measure(rows, options.rounds, options.replicates)
    show(figures, options.json)
    return 0 if figures["largest disagreement"] < 1e-9 else 1


def measure(rows: pd.DataFrame, rounds: int, replicates: int) -> dict[str, Any]:
    """Time both sides of both pairs in turn; the first call of each side, on few rows, warms up."""
    few = rows.iloc[:2000]
    for warm in (assessed, framed, redrawn):
        warm(few)
    framed_bootstrap(few, 1)
    pairs: dict[str, list[tuple[float, float]]] = {"assessment": [], "bootstrap": []}
    console = Console(stderr=True)
    for number in range(rounds):
        own, ours = timed(lambda: assessed(rows))
        other, theirs = timed(lambda: framed(rows))
        pairs["assessment"].append((ours, theirs))
        _, drawn = timed(lambda: redrawn(rows))
        _, single = timed(lambda: framed_bootstrap(rows, 0))
        _, several = timed(lambda: framed_bootstrap(rows, replicates))
        scaled = single + (several - single) / replicates * BOOTSTRAP_REPLICATES
        pairs["bootstrap"].append((drawn, scaled))
        console.print(f"round {number + 1}: {ours:.3f} s against {theirs:.1f} s; {drawn:.3f} s against {scaled:,.0f} s")
    return {
        "rows": len(rows),
        "replicates measured": replicates,
        "replicates": BOOTSTRAP_REPLICATES,
        "goals": {"assessment": GOAL_ASSESSMENT, "bootstrap": GOAL_BOOTSTRAP},
        "seconds": pairs,
        "largest disagreement": max(abs(own[key] - other[key]) for key in other),
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result and the seconds of processor time, which other work on the machine does not lengthen."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def assessed(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Count once and assess everything; return the differences that the frame has as well."""
    joint = count_jointly(rows["decision"], rows[list(ATTRIBUTES)], rows["label"])
    attributes = {**{name: (name,) for name in ATTRIBUTES}, CROSSED: ATTRIBUTES}
    assessment = assess_joint(joint, attributes, "positive", ModelEvaluation(seed=1, minimum_group_size=1))
    content = assessment.to_dict()
    return {
        (attribute, metric): content[attribute][comparison]["value"]
        for attribute in attributes
        for metric, comparison in COMPARED.items()
    }


def framed(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Point estimates of seven metrics by group, their differences and ratios, by MetricFrame."""
    found: dict[tuple[str, str], float] = {}
    for attribute, columns in {**{name: [name] for name in ATTRIBUTES}, CROSSED: list(ATTRIBUTES)}.items():
        frame = metric_frame(rows, columns)
        difference = frame.difference()
        frame.ratio()
        found |= {(attribute, metric): float(difference[metric]) for metric in COMPARED}
    return found


def metric_frame(rows: pd.DataFrame, columns: list[str], **bootstrap: Any) -> Any:
    """Return fairlearn's frame over the groups that the columns make together."""
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score

    functions = {name: getattr(metrics, name) for name in (*COMPARED, "count") if name != "accuracy"}
    return metrics.MetricFrame(
        metrics={**functions, "accuracy": accuracy_score},
        y_true=rows["label"],
        y_pred=rows["decision"],
        sensitive_features=rows[columns],
        **bootstrap,
    )


def redrawn(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Count, draw the counts anew and return the interval of each rate's largest gap, [2, rates]."""
    table = count(rows["label"], rows["decision"], rows["region"])
    drawn = resample_counts(table.counts, BOOTSTRAP_REPLICATES, seed=1)
    gaps = []
    for name in COMPARED:
        above, below = RATES[name].counts(drawn)
        gaps.append(np.ptp(above / below, axis=1))
    return np.quantile(np.stack(gaps), [0.025, 0.975], axis=1)


def framed_bootstrap(rows: pd.DataFrame, replicates: int) -> Any:
    """Return fairlearn's intervals of the same gaps; without replicates its point estimates."""
    if not replicates:
        return metric_frame(rows, ["region"]).difference()
    drawn = {"n_boot": replicates, "ci_quantiles": [0.025, 0.975], "random_state": 1}
    return metric_frame(rows, ["region"], **drawn).difference_ci()


def show(figures: dict[str, Any], as_json: bool) -> None:
    """Print medians and the ratio pair by pair."""
    if as_json:
        print(json.dumps(figures))
        return
    title = f"Fairness of {figures['rows']:,} rows against fairlearn's MetricFrame"
    table = Table(title=title, title_justify="left")
    for heading in ("pair", "here, seconds", "fairlearn, seconds", "times faster", "slowest round", "goal"):
        table.add_column(heading, justify="left" if heading == "pair" else "right")
    for name, pairs in figures["seconds"].items():
        ratios = [theirs / ours for ours, theirs in pairs]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        cells = (f"{ours:.3f}", f"{theirs:,.1f}", f"{statistics.median(ratios):,.0f}", f"{min(ratios):,.0f}")
        table.add_row(name, *cells, f"{figures['goals'][name]:,}")
    console = Console()
    console.print(table)
    console.print(
        f"fairlearn's bootstrap was measured on {figures['replicates measured']} replicates and scaled linearly to "
        f"{figures['replicates']:,}. Largest disagreement of the differences: {figures['largest disagreement']:.1e}."
    )


if __name__ == "__main__":
    sys.exit(main())
