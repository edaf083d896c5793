"""A Ray cluster: one of this machine that is started and ended here, or one that runs."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.telemetry import TELEMETRY_OFF, switch_telemetry_off
from apps.ml.tracking_address import TRACKING_VARIABLE, tracking_address

EXTRA = "distributed"
LOCAL = "local"
OBJECT_STORE_BYTES = 256 * 2**20
"""Memory that a cluster of this machine shares for pieces and parts; what does not fit goes to disk."""


@contextmanager
def connected(address: str, cpus: int, otherwise: str) -> Iterator[Any]:
    """Yield Ray, connected; a cluster that was started here is ended here.

    Parameters
    ----------
    address
        `local`: one with `cpus` processors is started on this machine; else the address of a cluster.
    otherwise
        What to do without Ray, for messages.

    Raises
    ------
    BadInputError
        Ray is not installed.
    ServiceUnavailableError
        The cluster does not answer.
    """
    switch_telemetry_off()
    try:
        import ray
    except ImportError:
        raise BadInputError(
            f"Ray is not installed. Install the extra: `pip install 'fairmind-ml[{EXTRA}]'`, or {otherwise}."
        ) from None
    try:
        with _code_of_this_process():
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **_settings(address, cpus))
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        where = "this machine" if address == LOCAL else address
        raise ServiceUnavailableError(
            f"Ray does not answer at {where} ({type(error).__name__}). Start it, or {otherwise}."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _settings(address: str, cpus: int) -> dict[str, Any]:
    if address == LOCAL:
        return {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    variables = {TRACKING_VARIABLE: tracking_address(), "OMP_NUM_THREADS": "1", **TELEMETRY_OFF}
    return {"runtime_env": {"env_vars": variables}}


@contextmanager
def _code_of_this_process() -> Iterator[None]:
    """Let the processes that Ray starts import the code that runs here, wherever it lies."""
    import apps

    before = os.environ.get("PYTHONPATH")
    root = str(Path(apps.__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = root if not before else f"{root}{os.pathsep}{before}"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
