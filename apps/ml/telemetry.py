"""The one place where the telemetry of third-party libraries is switched off."""

import os

TELEMETRY_OFF = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""Environment variable → value that forbids sending usage data, per library."""


def switch_telemetry_off() -> None:
    """Set every variable of :data:`TELEMETRY_OFF` that the user has not set, for this process and its children."""
    for variable, value in TELEMETRY_OFF.items():
        os.environ.setdefault(variable, value)
