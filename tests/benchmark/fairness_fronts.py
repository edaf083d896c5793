"""How much accuracy a smaller gap costs, by method: ours and fairlearn's on Adult's official split, in one run.

`python -m tests.benchmark.fairness_fronts [--output DIR] [--redraws N] [--json]`; needs FAIRMIND_DATA_DIR. Rows are
prepared by the first two stages with `params.yaml`; sex is no input. Gaps are equalized odds differences between women
and men.

- Ours: what `model_training.mitigation` runs, LightGBM as in `params.yaml`, at the tolerances below.
- fairlearn, called directly: `ThresholdOptimizer` over the same unmitigated model, on training rows as in its
  documentation and on validation rows; `ExponentiatedGradient` with half the tolerance as bound and slack, and
  `GridSearch`, whose model is picked on validation rows; both over LightGBM with 100 trees: they fit dozens of models.

No run looks at test rows before it is measured, and every setting stands here. But the constants inside our own methods
were settled by people who had seen results on these test rows; fairlearn's were not. `--redraws` trains ours, at one
tolerance, on that many random divisions of all rows as well. Methods that draw are measured by the expectation over
their draws: each row counts as decided 1 with its probability. Seconds are of processor time on one thread, fits
included.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split
from apps.ml.errors import DataError
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.statistics.shares.intervals import wilson
from apps.ml.features.tables import read_features
from apps.ml.models.assembly import mitigated_group, training_rows
from apps.ml.models.group_input import GroupInput
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.models.training import TrainingRows, train, with_codes
from apps.ml.parameters import Mitigation, ModelEvaluation, ModelTraining
from apps.ml.pipelines import data_processing, feature_engineering
from tests.benchmark.fronts_picture import Point, fronts_plot
from tests.workspace import ROOT

ATTRIBUTE, CONSTRAINT, CONFIDENCE, SEED = "sex", "equalized_odds", 0.95, 20260102
OURS: dict[str, tuple[float, ...]] = {
    "none": (),
    "reweighing": (),
    "fair_boosting": (0.05, 0.03, 0.02),
    "blind_post_processing": (0.05, 0.03, 0.02, 0.01),
    "group_thresholds": (0.05, 0.03, 0.02, 0.01),
}
EXPONENTIATED_GRADIENT = (0.03, 0.02, 0.01)
GRID_SIZE, GRID_TOLERANCE = 20, 0.03
REDRAWN, REDRAWN_TOLERANCE = ("none", "fair_boosting", "blind_post_processing", "group_thresholds"), 0.02
SPLITS = ("train", "validation", "test")
TREES = {"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 31, "colsample_bytree": 0.8, "reg_lambda": 1.0}
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Adult:
    """Encoded rows of the three splits, and the attribute."""

    group: GroupInput
    parameters: ModelTraining
    train: TrainingRows
    validation: TrainingRows
    test: TrainingRows


def main() -> int:
    """Print the table; exit code 2 where the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="folder for the picture mitigation_fronts.png")
    parser.add_argument("--redraws", type=int, default=0, help="random divisions on which ours are trained as well")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    if not os.environ.get("FAIRMIND_DATA_DIR"):
        print("error: FAIRMIND_DATA_DIR is not set. Set it to the folder that holds adult/adult.data.", file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adult = prepared("official")
        points = [*reported(chain(ours(adult), theirs(adult)))]
        redrawn = [*reported(redraws(options.redraws))]
    show(points, redrawn, options.json)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        plot = fronts_plot(points)
        (options.output / plot.file_name).write_bytes(plot.png)
    return 0


def reported(points: Iterator[Point]) -> Iterator[Point]:
    """Pass points on and say on stderr how long each took."""
    console = Console(stderr=True)
    for point in points:
        console.print(f"{point.method} {point.tolerance or ''}: {point.seconds:.1f} s")
        yield point


def prepared(split: str, seed: int | None = None) -> Adult:
    """Run the first two stages on Adult in a temporary folder and read what they wrote.

    `seed`: which random division; None: the one in params.yaml.
    """
    import yaml

    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["data_processing"] |= {"dataset": "adult", "split": split} | ({} if seed is None else {"seed": seed})
    parameters = ModelTraining(
        estimator="lightgbm", seed=SEED if seed is None else seed, estimators=content["model_training"]["estimators"]
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = ArtifactPaths(Path(folder))
        paths.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")
        data_processing.main(paths)
        feature_engineering.main(paths)
        group = mitigated_group(Mitigation(method="reweighing", attribute=ATTRIBUTE), read_schema(paths.processed))
        if group is None:
            raise DataError(f"the data set has no attribute {ATTRIBUTE}. Check its declaration.")
        encoded = [read_features(paths.features, name).to_numpy(dtype=np.float64) for name in SPLITS]
        rows = [
            training_rows(read_split(paths.processed, name), np.ascontiguousarray(X), group)
            for name, X in zip(SPLITS, encoded, strict=True)
        ]
    return Adult(group, parameters, *rows)


def redraws(count: int) -> Iterator[Point]:
    """Yield our models at one tolerance on random divisions of all rows; the division decides over all other seeds."""
    for seed in range(1, count + 1):
        adult = prepared("random", seed)
        for method in REDRAWN:
            yield own_point(adult, method, REDRAWN_TOLERANCE)


def ours(adult: Adult) -> Iterator[Point]:
    """Yield the product's own models."""
    for method, tolerances in OURS.items():
        for tolerance in tolerances or (None,):
            yield own_point(adult, method, tolerance)


def own_point(adult: Adult, method: str, tolerance: float | None) -> Point:
    """Train with one mitigation and decide about the test rows."""
    start, entry, test = time.process_time(), MITIGATIONS[method], adult.test
    chosen = {"method": method, "attribute": ATTRIBUTE, "constraint": CONSTRAINT, "tolerance": tolerance or 0.02}
    parameters = adult.parameters.model_copy(update={"mitigation": Mitigation.model_validate(chosen)})
    facts = (method, tolerance, entry.needs_sensitive_at_prediction, entry.randomised)
    try:
        model = train(parameters, adult.train, adult.validation, group=adult.group)
    except DataError as error:
        return Point(*facts, time.process_time() - start, refused=str(error))
    seconds = time.process_time() - start
    scores = model.scores(test.X)
    if model.adjustment is not None:
        scores = model.adjustment.decision_scores(scores, with_codes(test) if model.adjustment.needs_group else test.X)
    return measured(adult, facts, seconds, (scores >= (model.threshold or 0.0)).astype(np.float64))


def theirs(adult: Adult) -> Iterator[Point]:
    """Yield fairlearn's models."""
    for where, rows in (("training", adult.train), ("validation", adult.validation)):
        name = f"fairlearn ThresholdOptimizer, {where} rows"
        found = timed(lambda rows=rows: threshold_optimizer(adult, rows))  # type: ignore[misc]
        yield measured(adult, (name, None, True, True), *found)
    for tolerance in EXPONENTIATED_GRADIENT:
        name = "fairlearn ExponentiatedGradient"
        found = timed(lambda bound=tolerance / 2: exponentiated_gradient(adult, bound))  # type: ignore[misc]
        yield measured(adult, (name, tolerance, False, True), *found)
    name = "fairlearn GridSearch"
    yield measured(adult, (name, GRID_TOLERANCE, False, False), *timed(lambda: grid_search(adult)))


def timed(work: Callable[[], Probabilities]) -> tuple[float, Probabilities]:
    """Return seconds of processor time, which other work on the machine does not lengthen, and the result."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def threshold_optimizer(adult: Adult, rows: TrainingRows) -> Probabilities:
    """Fit our unmitigated model and fairlearn's thresholds over its scores of some rows."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.base import BaseEstimator

    model = train(adult.parameters, adult.train, adult.validation, group=adult.group).estimator

    class Fitted(BaseEstimator):
        """The model as fairlearn expects one."""

        classes_ = np.array([0, 1])

        def fit(self, X: Probabilities, y: Any) -> "Fitted":  # noqa: ARG002 (it is fitted already)
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict_proba(self, X: Probabilities) -> Probabilities:
            return np.asarray(model.predict_proba(X), dtype=np.float64)

    optimizer = ThresholdOptimizer(
        estimator=Fitted(),
        constraints="equalized_odds",
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    optimizer.fit(rows.X, rows.labels, sensitive_features=rows.codes)
    return np.asarray(optimizer._pmf_predict(adult.test.X, sensitive_features=adult.test.codes)[:, 1])


def exponentiated_gradient(adult: Adult, bound: float) -> Probabilities:
    """Fit fairlearn's reduction: `bound` is how far a group's rate may be from that of all."""
    from fairlearn.reductions import EqualizedOdds, ExponentiatedGradient

    reduction = ExponentiatedGradient(_trees(), EqualizedOdds(difference_bound=bound), eps=bound, max_iter=25)
    reduction.fit(adult.train.X, adult.train.labels, sensitive_features=adult.train.codes)
    return np.asarray(reduction._pmf_predict(adult.test.X)[:, 1])


def grid_search(adult: Adult) -> Probabilities:
    """Fit fairlearn's grid; pick the most accurate model within the tolerance on validation rows, else the fairest."""
    from fairlearn.metrics import equalized_odds_difference
    from fairlearn.reductions import EqualizedOdds, GridSearch

    search = GridSearch(_trees(), EqualizedOdds(), grid_size=GRID_SIZE)
    search.fit(adult.train.X, adult.train.labels, sensitive_features=adult.train.codes)
    rows, ranks = adult.validation, []
    for model in search.predictors_:
        decisions = model.predict(rows.X)
        gap = equalized_odds_difference(rows.labels, decisions, sensitive_features=rows.codes)
        accuracy = float(np.mean(decisions == rows.labels))
        ranks.append((gap <= GRID_TOLERANCE, accuracy if gap <= GRID_TOLERANCE else -gap))
    best = search.predictors_[max(range(len(ranks)), key=ranks.__getitem__)]
    return np.asarray(best.predict(adult.test.X), dtype=np.float64)


def _trees() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**TREES, n_jobs=1, random_state=SEED, deterministic=True, force_row_wise=True, verbose=-1)


def measured(
    adult: Adult, facts: tuple[str, float | None, bool, bool], seconds: float, probabilities: Probabilities
) -> Point:
    """Measure decisions 1 with given probabilities [n] on the test rows.

    A row whose decision is drawn is put in once decided 1 and once decided 0, weighted by both probabilities.
    """
    labels = np.asarray(adult.test.labels)
    codes = adult.test.codes if adult.test.codes is not None else np.zeros(len(labels), dtype=np.int64)
    rows = pd.DataFrame({"label": labels, "sex": np.array(adult.group.groups)[codes]})
    both = pd.concat([rows.assign(decision=1, weight=probabilities), rows.assign(decision=0, weight=1 - probabilities)])
    both = both[both["weight"] > 0]
    weights = None if (both["weight"] == 1).all() else both["weight"]
    parameters = ModelEvaluation(seed=1, confidence=CONFIDENCE)
    assessment = assess_fairness(
        both["label"], both["decision"], both[["sex"]], "positive", parameters, weights=weights
    )
    found = assessment.to_dict()["sex"]
    gap, groups = found["equalized_odds_difference"], found["groups"]
    correct = float(np.sum(np.where(labels == 1, probabilities, 1 - probabilities)))
    lower, upper = wilson(np.array(correct), np.array(len(labels)), CONFIDENCE)
    return Point(
        *facts,
        seconds,
        accuracy=correct / len(labels),
        accuracy_interval=(float(lower), float(upper)),
        gap=gap["value"],
        gap_interval=(gap["lower"], gap["upper"]),
        family_interval=(gap["simultaneous_lower"], gap["simultaneous_upper"]),
        balanced_accuracy=float((probabilities[labels == 1].mean() + (1 - probabilities[labels == 0]).mean()) / 2),
        true_positive_rates={name: groups[name]["true_positive_rate"]["value"] for name in adult.group.groups},
        false_positive_rates={name: groups[name]["false_positive_rate"]["value"] for name in adult.group.groups},
    )


def show(points: list[Point], redrawn: list[Point], as_json: bool) -> None:
    """Print one row per model, and per method the spread over random divisions."""
    if as_json:
        content = {"dataset": "adult", "split": "official", "attribute": ATTRIBUTE, "confidence": CONFIDENCE}
        found = {"points": [asdict(point) for point in points], "redrawn": [asdict(point) for point in redrawn]}
        print(json.dumps({**content, **found}))
        return
    table = Table(title="Equalized odds by sex on Adult's official test rows", title_justify="left")
    headings = ("method", "tolerance", "needs sex", "by chance", "accuracy", "gap", "balanced", "TPR women, men", "s")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for point in points:
        table.add_row(*cells(point))
    console = Console(width=180)
    console.print(table)
    if redrawn:
        console.print(spread_table(redrawn))
    for point in (*points, *redrawn):
        if point.refused:
            console.print(f"{point.method} at {point.tolerance}: {point.refused}")


def spread_table(redrawn: list[Point]) -> Table:
    """Return least, median and most accuracy and gap over random divisions, by method."""
    table = Table(title=f"Random divisions, tolerance {REDRAWN_TOLERANCE:g}", title_justify="left")
    for heading in ("method", "divisions", "refused", "accuracy", "gap"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for method in REDRAWN:
        own = [point for point in redrawn if point.method == method]
        done = [(point.accuracy, point.gap) for point in own if point.accuracy is not None and point.gap is not None]
        spreads = [f"{min(one):.4f} · {statistics.median(one):.4f} · {max(one):.4f}" for one in zip(*done, strict=True)]
        table.add_row(method, str(len(own)), str(len(own) - len(done)), *spreads)
    return table


def cells(point: Point) -> tuple[str, ...]:
    """Return one row of the table."""
    tolerance = "–" if point.tolerance is None else f"{point.tolerance:g}"
    first = (point.method, tolerance, "yes" if point.needs_sex else "no", "yes" if point.by_chance else "no")
    if point.accuracy is None or point.gap is None or point.balanced_accuracy is None:
        return (*first, "refused", "", "", "", f"{point.seconds:.1f}")
    rates = ", ".join(f"{rate:.3f}" for rate in point.true_positive_rates.values())
    accuracy, gap = with_interval(point.accuracy, point.accuracy_interval), with_interval(point.gap, point.gap_interval)
    return (*first, accuracy, gap, f"{point.balanced_accuracy:.3f}", rates, f"{point.seconds:.1f}")


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """Return the value with its interval."""
    return f"{value:.4f} [{interval[0]:.3f}, {interval[1]:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
