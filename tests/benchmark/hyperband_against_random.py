"""Tuning with early stopping of trials against random search, on Adult, with the product's own study and objective.

`python -m tests.benchmark.hyperband_against_random [--seeds N] [--trials N] [--json]`; needs FAIRMIND_DATA_DIR. Random
search trains every trial to the end. The other arms suggest by TPE and give trials up on the way; a trial is begun only
while, finished, it would keep the arm within a third of random search's rounds. All arms search LightGBM's declared
space and are measured on the same validation rows; test rows are not looked at.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments.tuning.problem import TuningProblem, read_problem
from apps.ml.experiments.tuning.records import TrialRecord, best, trial_records
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.study import OpenStudy, opened
from apps.ml.experiments.tuning.working import Budget, Worker, untold
from apps.ml.parameters import read_parameters
from apps.ml.pipelines import data_processing, feature_engineering
from tests.workspace import ROOT

GOAL_RATIO = 1 / 3
ROUNDS = 405
FIRST_RUNG = 45
RANDOM = ("random", "none")
ARMS = (("tpe", "hyperband"), ("tpe", "successive_halving"))


@dataclass(frozen=True)
class Arm:
    """What one study came to: `ratio` of its rounds to random search's, all in whole trials."""

    sampler: str
    pruner: str
    seed: int
    loss: float
    whole_trials: float
    ratio: float
    trials: int
    complete: int
    seconds: float


def main() -> int:
    """Print the table; exit code 2 where the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="studies of each arm")
    parser.add_argument("--trials", type=int, default=60, help="trials of random search")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    if not os.environ.get("FAIRMIND_DATA_DIR"):
        print("error: FAIRMIND_DATA_DIR is not set. Set it to the folder that holds adult/adult.data.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        paths = prepared(Path(folder))
        arms = [arm for seed in range(options.seeds) for arm in compared(paths, seed, options.trials)]
    show(arms, options.trials, options.json)
    return 0


def prepared(folder: Path) -> ArtifactPaths:
    """Run the first two stages on Adult."""
    paths = ArtifactPaths(folder)
    shutil.copy2(ROOT / "params.yaml", paths.parameters)
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    content["data_processing"]["dataset"] = "adult"
    paths.parameters.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    data_processing.main(paths)
    feature_engineering.main(paths)
    return paths


def compared(paths: ArtifactPaths, seed: int, trials: int) -> list[Arm]:
    """Run random search, then the other arms within a third of its rounds."""
    console = Console(stderr=True)
    arms = [searched(paths, RANDOM, seed, trials, limit=None)]
    arms += [searched(paths, way, seed, trials, limit=trials * GOAL_RATIO) for way in ARMS]
    for arm in arms:
        console.print(
            f"seed {seed} {arm.sampler} {arm.pruner}: loss {arm.loss:.5f}, ratio {arm.ratio:.3f}, {arm.trials} trials, "
            f"{arm.complete} whole, {arm.seconds:.0f} s",
            highlight=False,
        )
    return arms


def searched(paths: ArtifactPaths, way: tuple[str, str], seed: int, trials: int, limit: float | None) -> Arm:
    """Run one study; with a `limit`, while a whole trial more stays within so many whole trials of resource."""
    sampler, pruner = way
    problem = the_problem(paths, sampler, pruner, seed)
    started = time.perf_counter()
    with opened(problem, Place(), problem.name) as study:
        records = worked(problem, study, trials) if limit is None else limited(problem, study, limit)
    spent = sum(record.share_spent for record in records)
    found = best(records)
    complete = sum(record.state == "complete" for record in records)
    seconds = time.perf_counter() - started
    assert found.loss is not None
    return Arm(sampler, pruner, seed, found.loss, spent, spent / trials, len(records), complete, seconds)


def worked(problem: TuningProblem, study: OpenStudy, trials: int) -> Sequence[TrialRecord]:
    """Work until a study has so many trials."""
    Worker(problem, study, Budget(trials), untold).run()
    return trial_records(problem, study.study.get_trials(deepcopy=False))


def limited(problem: TuningProblem, study: OpenStudy, limit: float) -> Sequence[TrialRecord]:
    """Add trials one by one while one more, trained to the end, stays within the limit."""
    records: Sequence[TrialRecord] = ()
    while sum(record.share_spent for record in records) + 1 <= limit:
        records = worked(problem, study, len(records) + 1)
    return records


def the_problem(paths: ArtifactPaths, sampler: str, pruner: str, seed: int) -> TuningProblem:
    """Return the problem of one arm: Adult's training rows fitted, its validation rows measured."""
    tuning = {
        "estimators": ["lightgbm"],
        "sampler": sampler,
        "pruner": pruner,
        "seed": seed,
        "validation": {"method": "holdout"},
        "resource": {"minimum": FIRST_RUNG, "maximum": ROUNDS, "reduction_factor": 3},
    }
    parameters = read_parameters(paths.parameters)
    section = type(parameters.model_tuning).model_validate(tuning)
    return read_problem(paths, parameters.model_copy(update={"model_tuning": section}))


def show(arms: Sequence[Arm], trials: int, as_json: bool) -> None:
    """Print losses and resource side by side, seed by seed."""
    if as_json:
        print(json.dumps({"goal_ratio": GOAL_RATIO, "trials": trials, "arms": [asdict(arm) for arm in arms]}))
        return
    title = f"LightGBM on Adult: {trials} random trials of {ROUNDS} rounds against a third of the rounds"
    table = Table(title=title, title_justify="left")
    for heading in ("seed", "random: log loss"):
        table.add_column(heading, justify="right")
    for _, pruner in ARMS:
        for heading in (f"{pruner}: log loss", "difference", "ratio", "trials (whole)", "seconds"):
            table.add_column(heading, justify="right")
    for seed in sorted({arm.seed for arm in arms}):
        table.add_row(*_cells([arm for arm in arms if arm.seed == seed]))
    Console(width=180).print(table)
    for line in summary(arms):
        print(line)


def summary(arms: Sequence[Arm]) -> list[str]:
    """Say per pruner how often it was at least as good as random search, and by how much."""
    random = {arm.seed: arm for arm in arms if (arm.sampler, arm.pruner) == RANDOM}
    said = []
    for _, pruner in ARMS:
        own = [arm for arm in arms if arm.pruner == pruner]
        apart = [arm.loss - random[arm.seed].loss for arm in own]
        ratios = [arm.ratio for arm in own]
        said.append(
            f"{pruner}: at least as good in {sum(gap <= 0 for gap in apart)} of {len(own)} seeds, median difference "
            f"{statistics.median(apart):+.5f}, ratio at most {max(ratios):.3f}"
        )
    return said


def _cells(arms: Sequence[Arm]) -> list[Any]:
    random = next(arm for arm in arms if (arm.sampler, arm.pruner) == RANDOM)
    cells = [str(random.seed), f"{random.loss:.5f}"]
    for _, pruner in ARMS:
        own = next(arm for arm in arms if arm.pruner == pruner)
        cells += [f"{own.loss:.5f}", f"{own.loss - random.loss:+.5f}", f"{own.ratio:.3f}"]
        cells += [f"{own.trials} ({own.complete})", f"{own.seconds:.0f} of {random.seconds:.0f}"]
    return cells


if __name__ == "__main__":
    sys.exit(main())
