"""What one would write without this project: one process, libraries only, the same work on Adult.

It validates with Great Expectations, encodes and fits LightGBM with scikit-learn's parts, measures with scikit-learn
and fairlearn (without intervals), explains with SHAP and LIME, draws the plots, and logs everything to a new MLflow
store.
"""

import os
import sys
from pathlib import Path

import apps.ml  # switches telemetry off

NAMES = [
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
    *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
]
NUMERIC = ["age", "capital-gain", "capital-loss", "hours-per-week", "education-num"]
CATEGORICAL = ["workclass", "marital-status", "occupation", "relationship", "native-country"]
SEED = 7


def main(data: Path, output: Path) -> None:
    """Run everything; pictures and the tracking store go below `output`."""
    import great_expectations as gx
    import lightgbm
    import matplotlib as mpl
    import mlflow
    import numpy as np
    import pandas as pd
    import shap
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from lime.lime_tabular import LimeTabularExplainer
    from sklearn import metrics
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(data / "adult" / name, names=NAMES, skipinitialspace=True, na_values="?", comment="|")

    train, test = read("adult.data"), read("adult.test")
    test["income"] = test["income"].str.rstrip(".")
    context = gx.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    suite = gx.ExpectationSuite("s", [gx.expectations.ExpectColumnToExist(column=name) for name in NAMES])
    for name, low, high in (("age", 16, 100), ("hours-per-week", 1, 99), ("education-num", 1, 16)):
        suite.add_expectation(gx.expectations.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high))
    whole = pd.concat([train, test])
    if not batch.get_batch({"dataframe": whole}).validate(suite).success:
        sys.exit("the data is broken")

    fit, validation = train_test_split(train, test_size=0.15, random_state=SEED, stratify=train["income"])
    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encode = OneHotEncoder(min_frequency=0.01, handle_unknown="infrequent_if_exist", sparse_output=False)
    transformer = ColumnTransformer([("n", numeric, NUMERIC), ("c", encode, CATEGORICAL)])
    y_fit, y_validation, y = ((part["income"] == ">50K").astype(int) for part in (fit, validation, test))
    X_fit, X_validation, X = (
        transformer.fit_transform(fit),
        transformer.transform(validation),
        transformer.transform(test),
    )
    model = lightgbm.LGBMClassifier(
        n_estimators=600,
        learning_rate=0.05,
        colsample_bytree=0.8,
        reg_lambda=1.0,
        n_jobs=1,
        random_state=SEED,
        verbose=-1,
    )
    model.fit(
        X_fit, y_fit, eval_set=[(X_validation, y_validation)], callbacks=[lightgbm.early_stopping(50, verbose=False)]
    )
    score = model.booster_.predict(X)
    decision = (score >= 0.5).astype(int)

    values = {
        "accuracy": metrics.accuracy_score(y, decision),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, decision),
        "precision": metrics.precision_score(y, decision),
        "recall": metrics.recall_score(y, decision),
        "f1": metrics.f1_score(y, decision),
        "roc_auc": metrics.roc_auc_score(y, score),
        "pr_auc": metrics.average_precision_score(y, score),
        "log_loss": metrics.log_loss(y, score),
        "brier": metrics.brier_score_loss(y, score),
    }
    rates = {"selection": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate}
    age_band = pd.cut(test["age"], [0, 24, 39, 59, 200]).astype(str)
    for name, groups in (
        ("sex", test["sex"]),
        ("race", test["race"]),
        ("both", test["sex"] + test["race"]),
        ("age", age_band),
    ):
        frame = MetricFrame(metrics=rates, y_true=y, y_pred=decision, sensitive_features=groups)
        values |= {f"{name}.{metric}": value for metric, value in frame.difference().items()}
        values |= {f"{name}.{metric}.ratio": value for metric, value in frame.ratio().items()}

    rng = np.random.default_rng(SEED)
    sample = X[rng.choice(len(X), 500, replace=False)]
    contributions = shap.TreeExplainer(model).shap_values(sample)
    lime = LimeTabularExplainer(X_fit, mode="classification", discretize_continuous=False, random_state=SEED)

    def probabilities(rows: np.ndarray) -> np.ndarray:
        positive = model.booster_.predict(rows)
        return np.column_stack([1 - positive, positive])

    for row in sample[:5]:
        for _ in range(3):
            lime.explain_instance(row, probabilities, num_samples=1000)

    pictures = output / "pictures"
    pictures.mkdir(parents=True)
    draws = {
        "roc": lambda axis: metrics.RocCurveDisplay.from_predictions(y, score, ax=axis),
        "pr": lambda axis: metrics.PrecisionRecallDisplay.from_predictions(y, score, ax=axis),
        "confusion": lambda axis: metrics.ConfusionMatrixDisplay.from_predictions(y, decision, ax=axis),
        "scores_by_sex": lambda axis: [axis.hist(score[test["sex"] == sex], bins=40) for sex in ("Male", "Female")],
        "scores_by_race": lambda axis: [
            axis.hist(score[test["race"] == race], bins=40) for race in test["race"].unique()
        ],
        "importance": lambda axis: axis.barh(range(X.shape[1]), np.abs(contributions).mean(axis=0)),
    }
    for name, draw in draws.items():
        figure, axis = plt.subplots()
        draw(axis)
        figure.savefig(pictures / f"{name}.png", dpi=150)
        plt.close(figure)

    mlflow.set_tracking_uri(f"sqlite:///{output / 'mlflow.db'}")
    mlflow.create_experiment("straight", artifact_location=str(output / "artifacts"))
    mlflow.set_experiment("straight")
    with mlflow.start_run():
        mlflow.log_metrics({name: float(value) for name, value in values.items() if np.isfinite(value)})
        mlflow.log_artifacts(str(pictures), "plots")
        mlflow.lightgbm.log_model(
            model.booster_, name="model", pip_requirements=["lightgbm"], registered_model_name="straight"
        )
    print({name: round(float(value), 4) for name, value in values.items() if "." not in name})


if __name__ == "__main__":
    if not apps.ml.__doc__ or len(sys.argv) != 2:
        sys.exit("usage: python -m tests.benchmark.straight_script OUTPUT_FOLDER (with FAIRMIND_DATA_DIR set)")
    main(Path(os.environ["FAIRMIND_DATA_DIR"]), Path(sys.argv[1]))
