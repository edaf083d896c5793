"""Tuning with early stopping of trials against random search, on Adult, with the product's own study and objective.

`python -m tests.benchmark.hyperband_against_random [--seeds N] [--trials N] [--json]`; needs FAIRMIND_DATA_DIR. Random
search trains every trial to the end. The other arms suggest by TPE and give trials up on the way; a trial is begun only
while, finished, it would keep the arm within a third of random search's rounds. One of them also stops single models
early, as `model_training.early_stopping` does by default; so that its share in the saving can be told, random search is
run with it as well, over as many trials. All arms search LightGBM's declared space and are measured on the same
validation rows; test rows are not looked at.
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


@dataclass(frozen=True)
class Way:
    """How one arm searches; `limited`: within a third of random search's rounds."""

    name: str
    sampler: str
    pruner: str
    stops_early: bool
    limited: bool


RANDOM = Way("random", "random", "none", False, False)
WAYS = (
    Way("random, early stopping", "random", "none", True, False),
    Way("successive halving", "tpe", "successive_halving", False, True),
    Way("hyperband", "tpe", "hyperband", False, True),
    Way("hyperband, early stopping", "tpe", "hyperband", True, True),
)


@dataclass(frozen=True)
class Arm:
    """What one study came to: `ratio` of its rounds to random search's, all in whole trials."""

    name: str
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
    arms = []
    for way in (RANDOM, *WAYS):
        arm = searched(paths, way, seed, trials)
        arms.append(arm)
        console.print(
            f"seed {seed} {arm.name}: loss {arm.loss:.5f}, ratio {arm.ratio:.3f}, {arm.trials} trials, "
            f"{arm.complete} whole, {arm.seconds:.0f} s",
            highlight=False,
            soft_wrap=True,
        )
    return arms


def searched(paths: ArtifactPaths, way: Way, seed: int, trials: int) -> Arm:
    """Run one study: so many trials, or as many as stay within a third of their rounds."""
    problem = the_problem(paths, way, seed)
    started = time.perf_counter()
    with opened(problem, Place(), problem.name) as study:
        records = limited(problem, study, trials * GOAL_RATIO) if way.limited else worked(problem, study, trials)
    spent = sum(record.share_spent for record in records)
    complete = sum(record.state == "complete" for record in records)
    loss = best(records).loss
    assert loss is not None
    seconds = time.perf_counter() - started
    return Arm(way.name, seed, loss, spent, spent / trials, len(records), complete, seconds)


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


def the_problem(paths: ArtifactPaths, way: Way, seed: int) -> TuningProblem:
    """Return the problem of one arm: Adult's training rows fitted, its validation rows measured."""
    tuning = {
        "estimators": ["lightgbm"],
        "sampler": way.sampler,
        "pruner": way.pruner,
        "seed": seed,
        "validation": {"method": "holdout"},
        "resource": {"minimum": FIRST_RUNG, "maximum": ROUNDS, "reduction_factor": 3},
    }
    parameters = read_parameters(paths.parameters)
    section = type(parameters.model_tuning).model_validate(tuning)
    early = parameters.model_training.early_stopping.model_copy(update={"enabled": way.stops_early})
    training = parameters.model_training.model_copy(update={"early_stopping": early})
    return read_problem(paths, parameters.model_copy(update={"model_tuning": section, "model_training": training}))


def show(arms: Sequence[Arm], trials: int, as_json: bool) -> None:
    """Print losses and resource side by side, seed by seed."""
    if as_json:
        print(json.dumps({"goal_ratio": GOAL_RATIO, "trials": trials, "arms": [asdict(arm) for arm in arms]}))
        return
    title = f"LightGBM on Adult: {trials} random trials of {ROUNDS} rounds against a third of the rounds"
    table = Table(title=title, title_justify="left")
    for heading in ("seed", "arm", "log loss", "difference", "ratio of rounds", "trials", "whole", "seconds"):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    for seed in sorted({arm.seed for arm in arms}):
        own = [arm for arm in arms if arm.seed == seed]
        for arm in own:
            numbers = (f"{arm.loss:.5f}", f"{arm.loss - own[0].loss:+.5f}", f"{arm.ratio:.3f}")
            table.add_row(str(seed), arm.name, *numbers, str(arm.trials), str(arm.complete), f"{arm.seconds:.0f}")
        table.add_section()
    Console(width=120).print(table)
    for line in summary(arms):
        print(line)


def summary(arms: Sequence[Arm]) -> list[str]:
    """Say per arm how often it was at least as good as random search, and by how much."""
    random = {arm.seed: arm.loss for arm in arms if arm.name == RANDOM.name}
    said = []
    for way in WAYS:
        own = [arm for arm in arms if arm.name == way.name]
        apart = [arm.loss - random[arm.seed] for arm in own]
        said.append(
            f"{way.name}: at least as good in {sum(gap <= 0 for gap in apart)} of {len(own)} seeds, mean difference "
            f"{statistics.fmean(apart):+.5f}, ratio at most {max(arm.ratio for arm in own):.3f}"
        )
    return said


if __name__ == "__main__":
    sys.exit(main())
