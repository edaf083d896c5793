"""Time the scorer that serves against the bundle it was made from, for each estimator, in one run.

`python -m tests.benchmark.scorers [--estimators NAME …] [--json]`; needs the results of `make reproduce`. The first
line is the pipeline's own bundle; for the others each estimator is trained with its defaults on the pipeline's
features. Times are microseconds of one row, as the mean over a hundred different ones, and of a hundred rows together,
each the best of a few rounds in one process. Answers are compared as they are before a scorer serves.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split
from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.deployment.scorers.choice import choose_scorer
from apps.ml.deployment.scorers.trial import Trial
from apps.ml.features.tables import TRANSFORMER_FILE, read_feature_schema, read_features
from apps.ml.models.assembly import model_info, training_rows
from apps.ml.models.bundle import ModelBundle, read_bundle, read_transformer, write_bundle
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.training import TrainingRows, train
from apps.ml.parameters import ModelTraining

SLOW = ("svm",)
"""Estimators whose training takes minutes; named with --estimators they are timed as well."""

PIPELINE = "pipeline"
ROWS, WIDTH = 200, 110


@dataclass(frozen=True)
class Timed:
    """Microseconds for one row and for a hundred, of the bundle and of the scorer; seconds that the choice took."""

    estimator: str
    scorer: str
    bundle_one: float
    scorer_one: float
    bundle_hundred: float
    scorer_hundred: float
    choice_seconds: float


def main() -> int:
    """Print the table; exit code 1 where an answer differs, 2 where the pipeline has not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = [name for name in ESTIMATORS if name not in SLOW and name != "linear_regression"]
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=usual)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    paths = ArtifactPaths()
    if not paths.bundle.exists():
        print(f"error: {paths.bundle} does not exist. Run `make reproduce`.", file=sys.stderr)
        return 2
    timed = []
    with tempfile.TemporaryDirectory() as folder:
        for name, place, bundle in bundles(paths, options.estimators, Path(folder)):
            found = measure(name, bundle, place, paths)
            if found is None:
                print(f"error: {name}: the scorer gives other answers than its bundle.", file=sys.stderr)
                return 1
            timed.append(found)
            Console(stderr=True).print(f"{name}: {found.scorer}")
    show(timed, options.json)
    return 0


def bundles(paths: ArtifactPaths, names: list[str], folder: Path) -> Iterator[tuple[str, Path, ModelBundle]]:
    """Yield the pipeline's bundle and one of each estimator, with the folders that they were read from."""
    yield PIPELINE, paths.bundle, read_bundle(paths.bundle)
    schema, features = read_schema(paths.processed), read_feature_schema(paths.features)
    transformer_file, watched = paths.features / TRANSFORMER_FILE, read_split(paths.processed, "validation")
    rows = {split: encoded(paths, split) for split in ("train", "validation")}
    for name in names:
        parameters = ModelTraining.model_validate({"estimator": name, "seed": 1})
        trained = train(parameters, rows["train"], rows["validation"], task=schema.task)
        info = model_info(parameters, schema, features, trained, None, len(rows["train"].labels))
        bundle = ModelBundle(info, read_transformer(transformer_file), trained.estimator, trained.adjustment)
        write_bundle(folder / name, bundle, watched.inputs(info.columns), transformer_file)
        yield name, folder / name, read_bundle(folder / name)


def encoded(paths: ArtifactPaths, split: str) -> TrainingRows:
    """Return the encoded rows of a split."""
    X = np.ascontiguousarray(read_features(paths.features, split).to_numpy(dtype=np.float64))
    return training_rows(read_split(paths.processed, split), X, None)


def measure(name: str, bundle: ModelBundle, folder: Path, paths: ArtifactPaths) -> Timed | None:
    """Choose the scorer of a bundle and time both on test rows; None where their answers differ."""
    start = time.perf_counter()
    scorer = choose_scorer(bundle, folder)
    seconds = time.perf_counter() - start
    rows = read_split(paths.processed, "test").inputs(bundle.info.columns).iloc[:ROWS].reset_index(drop=True)
    trial = Trial(bundle, folder, rows)
    if trial.why_wrong(scorer):
        return None
    before, after = trial.speed(BundleScorer(bundle)), trial.speed(scorer)
    return Timed(name, scorer.name, before.one, after.one, before.hundred, after.hundred, seconds)


def show(timed: list[Timed], as_json: bool) -> None:
    """Print a table, or JSON."""
    if as_json:
        print(json.dumps([asdict(one) for one in timed]))
        return
    table = Table(title="Microseconds: the bundle, the scorer that serves, how many times quicker")
    for heading in ("estimator", "scorer"):
        table.add_column(heading, no_wrap=True)
    for heading in ("one row", "", "×", "100 rows", "", "×", "choice, s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in timed:
        table.add_row(
            one.estimator,
            one.scorer,
            f"{one.bundle_one:.0f}",
            f"{one.scorer_one:.1f}",
            f"{one.bundle_one / one.scorer_one:.0f}",
            f"{one.bundle_hundred:.0f}",
            f"{one.scorer_hundred:.0f}",
            f"{one.bundle_hundred / one.scorer_hundred:.1f}",
            f"{one.choice_seconds:.2f}",
        )
    Console(width=WIDTH).print(table)


if __name__ == "__main__":
    sys.exit(main())
