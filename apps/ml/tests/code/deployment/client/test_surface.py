"""What the client is: one surface, twice, without any package of machine learning."""

import inspect
import subprocess
import sys
from typing import Any

import pytest

import apps.ml.deployment.client as package
from apps.ml.deployment.client import AsyncModelClient, ModelClient
from tests.workspace import ROOT

FORBIDDEN = (
    *("numpy", "pandas", "scipy", "sklearn", "lightgbm", "xgboost", "mlflow", "pyarrow"),
    *("pydantic", "msgspec", "fastapi", "starlette", "uvicorn", "sqlalchemy", "typer", "yaml"),
)
IMPORT_WITHOUT = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden}:
            raise ImportError(f"{{name}} may not be imported")

sys.meta_path.insert(0, Refusing())
from apps.ml.deployment.client import AsyncModelClient, ModelClient
ModelClient("http://127.0.0.1:1").close()
AsyncModelClient("http://127.0.0.1:1")
try:
    import {probe}
except ImportError:
    print("done")
"""


def public(kind: type[Any]) -> dict[str, inspect.Signature]:
    members = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(member) for name, member in members if not name.startswith("_")}


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    blocking, awaited = public(ModelClient), public(AsyncModelClient)
    assert blocking == awaited
    assert inspect.signature(ModelClient) == inspect.signature(AsyncModelClient)


def test_all_that_is_public_is_named() -> None:
    named = {name for name in vars(package) if not name.startswith("_")}
    modules = {name for name in named if inspect.ismodule(getattr(package, name))}
    assert named - modules == set(package.__all__)


@pytest.mark.parametrize("probe", ["numpy"])
def test_the_client_imports_no_package_of_machine_learning(probe: str) -> None:
    code = IMPORT_WITHOUT.format(forbidden=FORBIDDEN, probe=probe)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
