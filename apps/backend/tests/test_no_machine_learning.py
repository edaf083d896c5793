"""The backend runs without any package of machine learning."""

import json
import subprocess
import sys

MODULES = ("apps.backend.application", "apps.backend.command_line", "apps.backend.demo.__main__")
FORBIDDEN = ("dvc", "lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost")


def test_importing_it_imports_nothing_of_machine_learning() -> None:
    code = f"import sys, json, {', '.join(MODULES)}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert [name for name in FORBIDDEN if name in loaded] == []
    assert {name for name in loaded if name.startswith("apps.ml.") and "client" not in name} <= {
        "apps.ml.deployment",
        "apps.ml.errors",
        "apps.ml.telemetry",
    }
