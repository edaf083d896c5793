import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.catalogue.neural import GrowingNetwork
from apps.ml.models.fitting import Fit, Rows
from apps.ml.models.scoring import scores_of
from apps.ml.models.training import silent
from apps.ml.parameters import EarlyStopping
from apps.ml.parameters.estimators import MLPOptions
from apps.ml.tests.code.models.learnable_rows import learnable_rows

OPTIONS = MLPOptions(hidden_units=16, learning_rate=0.02, epochs=40, batch_size=50)


def request(task: Task, stop_after: int | None = None) -> Fit:
    train, validation = learnable_rows(200, 1, task), learnable_rows(200, 2, task)
    stopping = EarlyStopping(enabled=stop_after is not None, rounds=stop_after or 1)
    return Fit(Rows(train.X, train.labels), Rows(validation.X, validation.labels), 7, stopping, silent, task)


def loss(task: Task, scores: np.ndarray) -> float:
    labels = learnable_rows(200, 2, task).labels
    if task == REGRESSION:
        return float(np.mean((scores - labels) ** 2))
    return float(-np.mean(np.where(labels == 1, np.log(scores), np.log1p(-scores))))


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_the_epoch_with_the_lowest_validation_loss_is_kept(task: Task) -> None:
    X = learnable_rows(200, 2, task).X
    kept = ESTIMATORS["mlp"].fit(OPTIONS, request(task, stop_after=6))
    growing = GrowingNetwork(OPTIONS, request(task))
    losses = []
    for epoch in range(1, OPTIONS.epochs + 1):
        growing.grow_to(epoch)
        losses.append(loss(task, growing.score(X)))
    assert kept.rounds is not None
    watched = losses[: kept.rounds + 6]
    assert int(np.argmin(watched)) + 1 == kept.rounds < OPTIONS.epochs
    assert loss(task, scores_of(kept.estimator, X)) == pytest.approx(min(watched), rel=1e-12)


def test_without_early_stopping_all_epochs_are_trained_and_steps_make_no_difference() -> None:
    X = learnable_rows(50, 3).X
    at_once = ESTIMATORS["mlp"].fit(OPTIONS, request(CLASSIFICATION))
    growing = GrowingNetwork(OPTIONS, request(CLASSIFICATION))
    for units in (1, 7, 7, 40, 12):
        growing.grow_to(units)
    assert at_once.rounds == growing.spent == 40
    assert (growing.score(X) == scores_of(at_once.estimator, X)).all()


def test_each_epoch_sees_the_rows_in_a_new_order() -> None:
    """A network with a whole number for its seed would shuffle in the same way before each epoch."""
    from sklearn.neural_network import MLPClassifier

    fit = request(CLASSIFICATION)
    growing = GrowingNetwork(OPTIONS, fit)
    growing.grow_to(3)
    expected = {}
    for seed in ("whole number", "generator"):
        state = 7 if seed == "whole number" else np.random.RandomState(7)
        network = MLPClassifier((16,), learning_rate_init=0.02, batch_size=50, random_state=state)
        for _ in range(3):
            network.partial_fit(fit.train.X, fit.train.labels, classes=[0, 1])
        expected[seed] = network.predict_proba(fit.train.X)[:, 1]
    np.testing.assert_allclose(growing.score(fit.train.X), expected["generator"], rtol=1e-10)
    assert np.abs(growing.score(fit.train.X) - expected["whole number"]).max() > 1e-4


def test_weights_that_are_no_numbers_any_more_name_the_learning_rate() -> None:
    options = OPTIONS.model_copy(update={"learning_rate": 1e300})
    with pytest.raises(ParameterError, match=r"estimators\.mlp\.learning_rate 1e\+300: .* after \d+ epochs"):
        ESTIMATORS["mlp"].fit(options, request(CLASSIFICATION))


def test_a_fitted_network_holds_nothing_of_its_training() -> None:
    estimator = ESTIMATORS["mlp"].fit(OPTIONS, request(CLASSIFICATION)).estimator
    assert not {"_optimizer", "_random_state", "loss_curve_", "best_loss_"} & set(vars(estimator))
    X = learnable_rows(20, 3).X
    np.testing.assert_allclose(scores_of(estimator, X), estimator.predict_proba(X)[:, 1], rtol=1e-12)
