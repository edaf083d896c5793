import warnings
from functools import partial
from typing import get_args

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from apps.ml.data.processed import REGRESSION
from apps.ml.errors import DataError, ParameterError
from apps.ml.evaluation.documents import words
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.fitting import Fit, Report, Rows, fit_at_once
from apps.ml.models.group_input import GroupInput
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.models.training import TrainedModel, TrainingRows, balanced_weights, silent, train
from apps.ml.parameters import EarlyStopping, EstimatorName, Estimators, ModelTraining

NAMES: list[EstimatorName] = ["logistic_regression", "random_forest", "hist_gradient_boosting", "lightgbm"]
SMALL = Estimators.model_validate(
    {
        "random_forest": {"n_estimators": 40},
        "hist_gradient_boosting": {"max_iter": 200, "learning_rate": 0.3},
        "lightgbm": {"n_estimators": 200, "learning_rate": 0.3},
    }
)


def rows(n: int, seed: int, share_of_noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two informative features, two of noise; roughly one row in four is positive."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4))
    labels = (X[:, 0] + 0.5 * X[:, 1] + share_of_noise * random.normal(size=n) > 1.0).astype(np.int8)
    return X, labels


TRAIN, VALIDATION = rows(600, 1), rows(300, 2)


def settings_for(name: EstimatorName, **changes: object) -> ModelTraining:
    return ModelTraining.model_validate({"estimator": name, "seed": 7, "estimators": SMALL, **changes})


def fitted(
    parameters: ModelTraining,
    X: np.ndarray,
    labels: np.ndarray,
    X_validation: np.ndarray,
    validation_labels: np.ndarray,
    progress: Report = silent,
) -> TrainedModel:
    return train(parameters, TrainingRows(X, labels), TrainingRows(X_validation, validation_labels), progress)


def test_the_catalogue_and_the_parameters_name_the_same_estimators() -> None:
    assert list(Estimators.model_fields) == list(get_args(EstimatorName))
    assert set(ESTIMATORS) <= set(Estimators.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_every_estimator_learns_and_gives_probabilities(name: EstimatorName) -> None:
    model = fitted(settings_for(name), *TRAIN, *VALIDATION)
    X, labels = rows(2000, 3)
    scores = model.scores(X)
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    assert _ranking(labels, scores) > 0.75
    assert (model.rounds is not None) == ESTIMATORS[name].grows_in_rounds
    assert model.converged


@pytest.mark.parametrize("name", NAMES)
def test_training_twice_gives_the_same_scores_to_the_last_bit(name: EstimatorName) -> None:
    first, second = (fitted(settings_for(name), *TRAIN, *VALIDATION).scores(VALIDATION[0]) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("name", ["random_forest", "lightgbm"])
def test_another_seed_gives_another_model(name: EstimatorName) -> None:
    first, second = (fitted(settings_for(name, seed=s), *TRAIN, *VALIDATION).scores(VALIDATION[0]) for s in (1, 2))
    assert (first != second).any()


@pytest.mark.parametrize("name", NAMES)
def test_balanced_weights_raise_the_scores_of_a_rare_event(name: EstimatorName) -> None:
    plain = fitted(settings_for(name), *TRAIN, *VALIDATION).scores(VALIDATION[0])
    balanced = fitted(settings_for(name, class_weight="balanced"), *TRAIN, *VALIDATION).scores(VALIDATION[0])
    assert balanced.mean() > plain.mean() + 0.05


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "lightgbm"])
def test_early_stopping_keeps_the_rounds_with_the_lowest_validation_loss(name: EstimatorName) -> None:
    stopping = EarlyStopping(enabled=True, rounds=20)
    kept = fitted(settings_for(name, early_stopping=stopping), *TRAIN, *VALIDATION)
    assert kept.rounds is not None
    assert kept.rounds < 150
    losses = {rounds: _loss_after(name, rounds) for rounds in range(1, kept.rounds + 12)}
    assert min(losses, key=lambda rounds: losses[rounds]) == kept.rounds


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "lightgbm"])
def test_without_early_stopping_all_rounds_are_grown(name: EstimatorName) -> None:
    model = fitted(settings_for(name, early_stopping=EarlyStopping(enabled=False)), *TRAIN, *VALIDATION)
    assert model.rounds == 200


def test_validation_rows_do_not_change_an_estimator_that_does_not_grow() -> None:
    for name in ("logistic_regression", "random_forest"):
        first = fitted(settings_for(name), *TRAIN, *VALIDATION)
        second = fitted(settings_for(name), *TRAIN, *rows(50, 9))
        assert (first.scores(VALIDATION[0]) == second.scores(VALIDATION[0])).all()


def test_a_forest_grown_in_parts_is_the_forest_grown_at_once() -> None:
    from sklearn.ensemble import RandomForestClassifier

    model = fitted(settings_for("random_forest"), *TRAIN, *VALIDATION)
    at_once = RandomForestClassifier(n_estimators=40, min_samples_leaf=3, random_state=7).fit(*TRAIN)
    assert (model.scores(VALIDATION[0]) == at_once.predict_proba(VALIDATION[0])[:, 1]).all()


def test_a_fit_that_stops_at_its_limit_is_recorded_as_not_converged() -> None:
    options = Estimators.model_validate({"logistic_regression": {"max_iter": 1}})
    X = TRAIN[0] * np.array([1.0, 1000.0, 1.0, 1.0])
    model = fitted(settings_for("logistic_regression", estimators=options), X, TRAIN[1], *VALIDATION)
    assert not model.converged


def test_other_warnings_of_a_fit_are_passed_on() -> None:
    class Warner(LogisticRegression):
        def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "Warner":
            warnings.warn("deprecated option", UserWarning, stacklevel=1)
            super().fit(X, y, sample_weight)
            return self

    part = Rows(*TRAIN, None)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with pytest.warns(UserWarning, match="deprecated option"):
            fit_at_once(Warner(), Fit(part, part, 1, EarlyStopping(), silent))


def test_one_class_among_the_training_rows_is_an_error() -> None:
    with pytest.raises(DataError, match=r"600 training rows has one class only \(0 positive\)"):
        fitted(settings_for("lightgbm"), TRAIN[0], np.zeros(600, dtype=np.int8), *VALIDATION)


def test_no_validation_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="there are no validation rows"):
        fitted(settings_for("lightgbm"), *TRAIN, np.empty((0, 4)), np.empty(0, dtype=np.int8))


def test_balanced_weights_by_hand() -> None:
    assert balanced_weights(np.array([0, 0, 0, 1], dtype=np.int8)).tolist() == [4 / 6, 4 / 2]


def test_inputs_stay_unaltered_and_may_be_read_only() -> None:
    parts = [part.copy() for part in (*TRAIN, *VALIDATION)]
    for part in parts:
        part.flags.writeable = False
    for name in NAMES:
        fitted(settings_for(name), parts[0], parts[1], parts[2], parts[3])
    for part, original in zip(parts, (*TRAIN, *VALIDATION), strict=True):
        assert (part == original).all()


def test_progress_is_reported_in_ascending_rounds() -> None:
    for name in ("random_forest", "hist_gradient_boosting", "lightgbm"):
        told: list[tuple[int, int, float | None]] = []
        fitted(settings_for(name), *TRAIN, *VALIDATION, progress=partial(_note, told))
        assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
        assert told[-1][0] <= told[-1][1]


def _loss_after(name: EstimatorName, rounds: int) -> float:
    """Validation loss of a model grown to exactly that many rounds, as if by hand."""
    content = {field: options.model_dump() for field, options in SMALL}
    content[name]["n_estimators" if name == "lightgbm" else "max_iter"] = rounds
    options = Estimators.model_validate(content)
    never = EarlyStopping(enabled=False)
    scores = fitted(settings_for(name, estimators=options, early_stopping=never), *TRAIN, *VALIDATION).scores(
        VALIDATION[0]
    )
    labels = VALIDATION[1]
    return float(-np.mean(np.where(labels == 1, np.log(scores), np.log1p(-scores))))


def _note(told: list[tuple[int, int, float | None]], done: int, total: int, loss: float | None) -> None:
    told.append((done, total, loss))


def _ranking(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of pairs of a positive and a negative row in the right order."""
    return float(np.mean(scores[labels == 1][:, None] > scores[labels == 0][None, :]))


def test_members_of_one_kind_differ_by_their_seed() -> None:
    member = {"estimator": "lightgbm", "options": {"n_estimators": 20, "colsample_bytree": 0.5}}

    def scores(*seeds: int) -> np.ndarray:
        members = [{**member, "seed": seed} for seed in seeds]
        parameters = settings_for("voting", estimators={"voting": {"members": members}})
        return fitted(parameters, *TRAIN, *VALIDATION).scores(VALIDATION[0])

    assert (scores(0, 0) == scores(0, 0)).all()
    assert (scores(0, 1) != scores(0, 0)).any()


def test_every_estimator_has_words_for_documents() -> None:
    assert set(words.ESTIMATORS) == set(ESTIMATORS)


def test_balanced_weights_are_refused_for_numeric_labels() -> None:
    parameters = settings_for("lightgbm", class_weight="balanced")
    numbers = TrainingRows(TRAIN[0], TRAIN[0][:, 0]), TrainingRows(VALIDATION[0], VALIDATION[0][:, 0])
    with pytest.raises(ParameterError, match=r"class_weight balanced .*the label is a number\. Choose `none`"):
        train(parameters, *numbers, task=REGRESSION)


@pytest.mark.parametrize("method", [name for name in MITIGATIONS if name != "none"])
def test_a_mitigation_needs_two_groups_to_compare(method: str) -> None:
    parameters = settings_for("lightgbm", mitigation={"method": method, "attribute": "sex"})
    first, second = (
        TrainingRows(X, labels, np.where(np.arange(len(labels)) % 4 == 0, -1, 1)) for X, labels in (TRAIN, VALIDATION)
    )
    with pytest.raises(DataError, match=r"1 of 2 groups of 'sex' has rows among the 600 training rows \(450"):
        train(parameters, first, second, group=GroupInput("sex", ("female", "male")))


def test_a_bounded_loss_needs_validation_rows_of_known_groups() -> None:
    mitigation = {"method": "grid_search", "attribute": "sex", "constraint": "bounded_group_loss"}
    parameters = settings_for("lightgbm", mitigation=mitigation)
    codes = np.arange(600) % 2
    first = TrainingRows(TRAIN[0], TRAIN[0][:, 0], codes)
    second = TrainingRows(VALIDATION[0], VALIDATION[0][:, 0], np.full(300, -1))
    with pytest.raises(DataError, match="0 of the 300 validation rows have a known group"):
        train(parameters, first, second, task=REGRESSION, group=GroupInput("sex", ("female", "male")))
