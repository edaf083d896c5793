"""A multi-layer perceptron that grows epoch by epoch and keeps the epoch of the lowest validation loss."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.catalogue.rounds import GrowingRounds, fit_rounds
from apps.ml.models.catalogue.standard_label import StandardLabel
from apps.ml.models.fitting import Fit, Fitted, Rows, single_threaded
from apps.ml.models.outputs import outputs_of
from apps.ml.models.scoring import within_single_precision
from apps.ml.parameters.estimators import MLPOptions

KEPT = ("coefs_", "intercepts_", "n_features_in_", "n_layers_", "n_outputs_", "out_activation_")
"""What a fitted network answers with; the state of its optimiser is left out."""


class GrowingNetwork(GrowingRounds):
    """A network in training; one unit is one pass over the training rows in a new order.

    Numeric labels are learned in units of their deviation; :meth:`fitted` puts the last layer on the label's own scale.
    """

    name = "mlp"
    unit = "epochs"

    def __init__(self, options: MLPOptions, fit: Fit) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        super().__init__(fit, options.epochs, options.learning_rate)
        self._classifies = fit.task == CLASSIFICATION
        self._label = None if self._classifies else StandardLabel.of(fit.train)
        self._train = fit.train if self._label is None else self._label.applied(fit.train)
        self._network: Any = (MLPClassifier if self._classifies else MLPRegressor)(
            hidden_layer_sizes=(options.hidden_units,) * options.hidden_layers,
            alpha=options.alpha,
            learning_rate_init=options.learning_rate,
            batch_size=min(options.batch_size, len(fit.train)),
            random_state=np.random.RandomState(fit.seed),
        )
        self._best_network: Any = None

    def fitted(self) -> Any:
        """Return the network of the epoch that is kept, which answers and cannot be trained further."""
        return self._snapshot() if self._best_network is None else self._best_network

    def _grow(self, most: int) -> Sequence[float | None]:  # noqa: ARG002 (one epoch at a time)
        """Train for one epoch.

        Raises
        ------
        ParameterError
            The weights grew beyond all numbers.
        """
        rows = self._train
        classes = {"classes": np.array([0, 1])} if self._classifies else {}
        try:
            with single_threaded(), np.errstate(over="ignore", invalid="ignore"):
                self._network.partial_fit(rows.X, rows.labels, sample_weight=rows.weights, **classes)
        except ValueError as error:
            raise self.diverged(self._spent + 1) from error
        if not self._watches:
            return [None]
        loss = self._loss(self._fit.validation)
        if loss < self._lowest:
            self._best_network = self._snapshot()
        return [loss]

    def _loss(self, rows: Rows) -> float:
        """Return the weighted mean loss on some rows: log loss, or the squared error in units of the deviation."""
        found = outputs_of(self._network, within_single_precision(rows.X))
        if self._label is None:
            losses = np.logaddexp(0.0, found) - rows.labels * found
        else:
            losses = (found - self._label.applied(rows).labels) ** 2
        return float(np.average(losses, weights=rows.weights))

    def _snapshot(self) -> Any:
        """Return a copy of the network as it is, without its optimiser."""
        from sklearn.base import clone

        grown = clone(self._network).set_params(random_state=self._fit.seed)
        for name in KEPT:
            setattr(grown, name, _copied(getattr(self._network, name)))
        if self._classifies:
            grown.classes_, grown._label_binarizer = self._network.classes_, self._network._label_binarizer
        if self._label is not None:
            grown.coefs_[-1] = grown.coefs_[-1] * self._label.deviation
            grown.intercepts_[-1] = grown.intercepts_[-1] * self._label.deviation + self._label.mean
        return grown


def _mlp(options: MLPOptions, fit: Fit) -> Fitted:
    return fit_rounds(GrowingNetwork(options, fit), options.epochs)


def _copied(value: Any) -> Any:
    return [part.copy() for part in value] if isinstance(value, list) else value


ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "mlp": EstimatorEntry(
            "Neural network (multi-layer perceptron)",
            _mlp,
            tasks=(CLASSIFICATION, REGRESSION),
            grows_in_rounds=True,
            resource="epochs",
            grow=GrowingNetwork,
            stored_types=(
                "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
                "sklearn.neural_network._multilayer_perceptron.MLPRegressor",
                "sklearn.preprocessing._label.LabelBinarizer",
            ),
        )
    }
)
"""Name in params.yaml → entry."""
