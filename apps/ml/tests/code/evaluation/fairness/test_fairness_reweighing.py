"""Published numbers of reweighing on German credit and Adult, through the public functions.

The weights are those of Kamiran and Calders: w(a, y) = P(a) P(y) / P(a, y).
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from apps.ml.evaluation.fairness import assess_fairness
from apps.ml.evaluation.performance import measure_decisions
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.parameters import ModelEvaluation

FOLDER = os.environ.get("FAIRMIND_DATA_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="FAIRMIND_DATA_DIR is not set; the rows are not here")

USED = {0: "age", 4: "education-num", 8: "race", 9: "sex", 14: "income"}
"""Position of a column of the Adult files → its name."""
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def reweighing_weights(groups: Flags, labels: Flags) -> Numbers:
    """Weights under which group and label are independent; they sum to the number of rows."""
    weights = np.empty(len(labels))
    for group in np.unique(groups):
        for label in np.unique(labels):
            inside, of_label = groups == group, labels == label
            cell = inside & of_label
            weights[cell] = inside.mean() * of_label.mean() / cell.mean()
    return weights


def compared(
    labels: Flags | None, decisions: Flags, privileged: Flags, weights: Numbers | None = None
) -> tuple[dict[str, Measurement], dict[str, Measurement]]:
    """Comparisons of the unprivileged with the privileged, and measures of inequality between persons."""
    frame = pd.DataFrame({"group": np.where(privileged, "privileged", "unprivileged")})
    parameters = ModelEvaluation(seed=1, bootstrap_replicates=100, reference_groups={"group": "privileged"})
    found = assess_fairness(labels, decisions, frame, "positive", parameters, weights=weights).attributes["group"]
    return dict(found.reference.comparisons["unprivileged"]), dict(found.individual)


@pytest.mark.parametrize(("boundary_included", "expected"), [(True, -0.169905), (False, -0.193645)])
def test_the_age_boundary_decides_the_mean_difference_and_reweighing_makes_it_zero(
    boundary_included: bool, expected: float
) -> None:
    frame = pd.read_csv(Path(str(FOLDER)) / "german_credit" / "german.data", sep=" ", header=None)
    chosen = np.random.RandomState(0).permutation(1000)[:700]  # the published recipe's generator
    age, good = frame[12].to_numpy()[chosen], (frame[20] == 1).to_numpy()[chosen]
    privileged = age >= 25 if boundary_included else age > 25
    parity = compared(None, good, privileged)[0]["statistical_parity_difference"]
    assert parity.value == pytest.approx(expected, abs=5e-7)
    assert parity.lower < parity.value < parity.upper < 0  # type: ignore[operator]
    weights = reweighing_weights(privileged, good)
    assert weights.sum() == pytest.approx(700)
    weighted, _ = compared(None, good, privileged, weights)
    assert weighted["statistical_parity_difference"].value == pytest.approx(0.0, abs=1e-12)
    assert weighted["disparate_impact"].value == pytest.approx(1.0)


@dataclass(frozen=True)
class Adult:
    """Features, labels, who is privileged, and the positions of training, validation and test rows."""

    X: Numbers
    y: Flags
    male: Flags
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def adult() -> Adult:
    """The rows as AIF360's demonstration of reweighing prepares and divides them."""
    parts = [
        pd.read_csv(
            Path(str(FOLDER)) / "adult" / name, header=None, skipinitialspace=True, skiprows=skip, usecols=list(USED)
        )
        for name, skip in (("adult.data", 0), ("adult.test", 1))
    ]
    frame = pd.concat(parts, ignore_index=True).rename(columns=USED)
    years = frame["education-num"].to_numpy()
    education = np.where(years < 6, "<6", np.where(years > 12, ">12", years.astype(str)))
    male, white = (frame["sex"] == "Male").to_numpy(), (frame["race"] == "White").to_numpy()
    decade = np.minimum(frame["age"].to_numpy() // 10 * 10, 70)
    indicators = [pd.get_dummies(pd.Series(values)).to_numpy(dtype=np.float64) for values in (decade, education)]
    X = np.column_stack([white, male, *indicators]).astype(np.float64)
    y = frame["income"].str.startswith(">50K").to_numpy(dtype=np.bool_)
    generator = np.random.RandomState(1)  # the published recipe's generator
    order = generator.permutation(len(frame))
    train, rest = np.split(order, [int(0.7 * len(frame))])
    validation, test = np.split(rest[generator.permutation(len(rest))], [len(rest) // 2])
    return Adult(X, y, male, train, validation, test)


def best_threshold(scores: Numbers, labels: Flags) -> float:
    """The first threshold of the recipe's grid with the highest balanced accuracy."""
    grid = np.linspace(0.01, 0.99, 100)
    accuracies = [((scores > t)[labels].mean() + (scores <= t)[~labels].mean()) / 2 for t in grid]
    return float(grid[int(np.argmax(accuracies))])


def rounded(adult: Adult, scores: Numbers, threshold: float) -> list[float]:
    """Balanced accuracy, four comparisons and Theil's index on the test rows, to four digits."""
    labels, decisions = adult.y[adult.test], scores > threshold
    block = np.bincount(2 * labels.astype(np.int64) + decisions, minlength=4).reshape(2, 2)
    of_women, individual = compared(labels, decisions, adult.male[adult.test])
    names = (
        "statistical_parity_difference",
        "disparate_impact",
        "average_odds_difference",
        "equal_opportunity_difference",
    )
    measured = [
        measure_decisions(block, 0.95)["balanced_accuracy"],
        *(of_women[name] for name in names),
        individual["theil_index"],
    ]
    return [round(float(one.value), 4) for one in measured]  # type: ignore[arg-type]


def test_adult_before_and_after_reweighing_is_as_published(adult: Adult) -> None:
    scaler = StandardScaler().fit(adult.X[adult.train])
    training, labels = scaler.transform(adult.X[adult.train]), adult.y[adult.train]
    plain = LogisticRegression().fit(training, labels)
    validation = plain.predict_proba(scaler.transform(adult.X[adult.validation]))[:, 1]
    threshold = best_threshold(validation, adult.y[adult.validation])
    assert threshold == pytest.approx(0.2674, abs=5e-5)
    before = plain.predict_proba(scaler.transform(adult.X[adult.test]))[:, 1]
    assert rounded(adult, before, threshold) == [0.7417, -0.3576, 0.2774, -0.3281, -0.4001, 0.1128]
    weights = reweighing_weights(adult.male[adult.train], labels)
    assert compared(None, labels, adult.male[adult.train], weights)[0]["disparate_impact"].value == pytest.approx(1.0)
    fair = LogisticRegression().fit(training, labels, sample_weight=weights)
    # The recipe scales the test rows by themselves.
    after = fair.predict_proba(StandardScaler().fit_transform(adult.X[adult.test]))[:, 1]
    assert rounded(adult, after, threshold) == [0.7128, -0.0906, 0.7625, -0.0266, -0.0518, 0.1294]
