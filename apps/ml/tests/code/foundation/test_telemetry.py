"""Telemetry is off before any library that has it can be imported."""

import os
import subprocess
import sys

from apps.ml.telemetry import TELEMETRY_OFF


def test_importing_the_package_switches_telemetry_off() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in TELEMETRY_OFF}
    code = f"import os, apps.ml; print([os.environ.get(key) for key in {list(TELEMETRY_OFF)!r}])"
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == str(list(TELEMETRY_OFF.values()))
