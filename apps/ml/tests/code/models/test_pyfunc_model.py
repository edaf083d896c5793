import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from apps.ml.data.processed import ColumnSchema
from apps.ml.models.bundle import read_bundle, read_info
from apps.ml.models.golden_rows import as_typed
from apps.ml.models.model_code import SCRIPT, copy_model_code, pip_requirements
from apps.ml.models.signature import input_example, mlflow_signature
from apps.ml.tests import small_loans

ROWS = small_loans.split("test").features.head(25)
LOGGED = ("lightgbm", "hist_gradient_boosting", "voting")
"""A vote of XGBoost and an explainable boosting machine is among them."""

NOT_NEEDED = ("dvc", "fairlearn", "interpret", "lime", "optuna", "shap")
"""Libraries that fit, mitigate, tune or explain; a server need not have them."""
LOADING = """
import json, sys
import pandas as pd
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
import apps, apps.ml.models.bundle as bundle
frame = pd.read_parquet(sys.argv[2])
answer = model.predict(frame)
print(json.dumps({
    "score": answer["score"].tolist(),
    "decision": answer["decision"].tolist(),
    "types": [str(one) for one in answer.dtypes],
    "code": bundle.__file__,
}))
"""


@pytest.fixture(scope="module")
def logged(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Estimator → an MLflow model folder, saved from the pruned copy of the code."""
    return {name: _save(bundles[name], tmp_path_factory.mktemp(name)) for name in LOGGED}


def _save(bundle: Path, folder: Path) -> Path:
    import mlflow.pyfunc

    code = copy_model_code(folder / "code")
    mlflow.pyfunc.save_model(
        path=str(folder / "model"),
        python_model=str(SCRIPT),
        artifacts={"bundle": str(bundle)},
        code_paths=[str(code)],
        pip_requirements=pip_requirements(),
        signature=mlflow_signature(read_info(bundle)),
        input_example=input_example(bundle),
    )
    return folder / "model"


def _predict_elsewhere(model: Path, frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Load the model in a process that sees neither the repository, its installation nor libraries of training."""
    frame.to_parquet(folder / "rows.parquet", index=False)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    hidden = (
        "import sys; sys.path = [one for one in sys.path if one and 'site-packages' in one or 'lib/python' in one]\n"
    )
    hidden += "sys.meta_path = [one for one in sys.meta_path if 'editable' not in repr(one).lower()]\n"
    hidden += f"sys.modules.update(dict.fromkeys({NOT_NEEDED}))\n"
    arguments = [sys.executable, "-W", "error::ImportWarning", "-c", hidden + LOADING, str(model)]
    done = subprocess.run(
        [*arguments, str(folder / "rows.parquet")], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("name", LOGGED)
def test_a_logged_model_loads_without_repository_and_pickle_and_scores_the_same(
    logged: dict[str, Path], bundles: dict[str, Path], name: str, tmp_path: Path
) -> None:
    bundle = read_bundle(bundles[name])
    frame = ROWS[[column.name for column in bundle.info.columns]]
    answer = _predict_elsewhere(logged[name], frame, tmp_path)
    expected = bundle.score(frame)
    assert answer["score"] == expected.tolist()
    assert answer["decision"] == bundle.decide(expected).tolist()
    assert answer["types"] == ["float64", "int64"]
    assert Path(answer["code"]).is_relative_to(logged[name] / "code")


def test_the_logged_model_holds_the_exact_bundle_and_no_pickle(
    logged: dict[str, Path], bundles: dict[str, Path]
) -> None:
    inside = logged["lightgbm"] / "artifacts" / "bundle"
    assert (inside / "manifest.json").read_bytes() == (bundles["lightgbm"] / "manifest.json").read_bytes()
    assert [path for path in logged["lightgbm"].rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")] == []
    assert [path for path in logged["lightgbm"].rglob("*") if "tests" in path.parts] == []


def test_an_optional_column_may_be_absent_and_a_required_one_may_not(logged: dict[str, Path]) -> None:
    import mlflow.exceptions
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(logged["lightgbm"]))
    frame = ROWS.drop(columns="sex")
    missing = frame.assign(debt=float("nan"))
    assert model.predict(frame.drop(columns="debt"))["score"].tolist() == model.predict(missing)["score"].tolist()
    with pytest.raises(mlflow.exceptions.MlflowException, match="income"):
        model.predict(frame.drop(columns="income"))


def test_the_signature_names_doubles_strings_and_what_may_be_missing(bundles: dict[str, Path]) -> None:
    signature = mlflow_signature(read_info(bundles["lightgbm"]))
    inputs = {column.name: (column.type.name, column.required) for column in signature.inputs.inputs}
    assert inputs == {
        "income": ("double", True),
        "debt": ("double", False),
        "age": ("double", True),
        "owner": ("double", False),
        "city": ("string", False),
        "noise": ("double", True),
    }
    assert [(column.name, column.type.name) for column in signature.outputs.inputs] == [
        ("score", "double"),
        ("decision", "long"),
    ]


def test_the_input_example_fits_the_signature(bundles: dict[str, Path]) -> None:
    from mlflow.models.utils import _enforce_schema

    example = input_example(bundles["lightgbm"], rows=3)
    assert len(example) == 3
    enforced = _enforce_schema(example, mlflow_signature(read_info(bundles["lightgbm"])).inputs)
    assert list(enforced.columns) == list(example.columns)


def test_requirements_are_pinned_to_what_is_installed() -> None:
    import lightgbm

    requirements = pip_requirements()
    assert f"lightgbm=={lightgbm.__version__}" in requirements
    assert all(one.count("==") == 1 for one in requirements)
    assert {one.split("==")[0] for one in requirements}.isdisjoint({*NOT_NEEDED, "interpret-core"})


def test_foreign_frames_are_brought_into_the_dtypes_of_a_request() -> None:
    columns = (ColumnSchema("age", "numeric"), ColumnSchema("city", "categorical"), ColumnSchema("debt", "numeric"))
    foreign = pd.DataFrame({"city": pd.Series(["Bern", None], dtype="object"), "age": [30, 40], "extra": [1, 2]})
    typed = as_typed(foreign, columns)
    assert [str(one) for one in typed.dtypes] == ["float64", "str", "float64"]
    assert typed["city"].isna().tolist() == [False, True]
    assert typed["debt"].isna().all()
    assert list(foreign.columns) == ["city", "age", "extra"]
