"""One of everything that is stored as a safe object."""

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from apps.ml.features.transformer import FeatureTransformer
from apps.ml.tests.code.features.people import labels_of, people, transformer

SECTION: dict[str, Any] = {
    "columns": {"age": {"bins": 3}, "purpose": {"encoding": "target"}, "education": {"encoding": "ordinal"}},
    "categorical": {"rare_below": 0.05},
}
ESTIMATORS: dict[str, Any] = {
    "logistic regression": LogisticRegression(class_weight="balanced"),
    "forest": RandomForestClassifier(5, random_state=0, class_weight="balanced"),
    "forest of single leaves": RandomForestClassifier(2, min_samples_leaf=200, random_state=0),
    "boosted trees": HistGradientBoostingClassifier(max_iter=4, random_state=0, early_stopping=True),
}
FRAME = people(200)
LABELS = labels_of(FRAME)


def fitted_transformer() -> FeatureTransformer:
    """Return a fitted transformer with every kind of encoder."""
    return transformer(**SECTION).fit(FRAME, LABELS)


def fitted_estimator(name: str) -> Any:
    """Return a fitted estimator of :data:`ESTIMATORS`."""
    return ESTIMATORS[name].fit(fitted_transformer().transform(FRAME), LABELS)


def fitted_things() -> list[Any]:
    """Return the transformer, every estimator, and a set, whose order follows the hash seed."""
    words = {"car", "house", "boat", "education", "tour"}
    return [fitted_transformer(), *(fitted_estimator(name) for name in ESTIMATORS), words]
