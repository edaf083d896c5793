"""A study on Ray: the same search, counted in the same storage, with workers on one machine or many."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.ml.errors import BadInputError, FairMindError, ServiceUnavailableError
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.running import Tell, require_shared, require_spent
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.study import OpenStudy
from apps.ml.experiments.tuning.working import Budget, ending_by_signal, work
from apps.ml.telemetry import switch_telemetry_off

EXTRA = "distributed"
LOCAL = "local"
POLL_SECONDS = 0.5
RESTARTS = 2
"""Times that Ray starts a worker again that died; its trial is done again in any case."""


def run_on_ray(
    problem: TuningProblem,
    study: OpenStudy,
    name: str,
    budget: Budget,
    workers: int,
    tell: Tell,
    address: str | None = None,
) -> None:
    """Start `workers` Ray workers that share the storage of an open study, and wait for them.

    Parameters
    ----------
    address
        Of a Ray cluster; None: one is started on this machine, and ended afterwards.

    Raises
    ------
    BadInputError
        Ray is not installed; or workers of a cluster would share a file of this machine.
    ServiceUnavailableError
        The cluster does not answer, or no worker is left and the budget is not spent.
    """
    require_shared(study.place, workers)
    if address and study.place.is_file:
        raise BadInputError(
            "the workers of a cluster cannot share a SQLite file of this machine. Give --storage postgresql://…, a "
            "database that they all reach."
        )
    with ending_by_signal(), _cluster(workers, address) as ray:
        shared = ray.put(problem)
        worker = ray.remote(num_cpus=1, max_retries=RESTARTS)(ray_worker)
        waiting = [worker.remote(shared, study.place, name, budget, workers) for _ in range(workers)]
        while waiting:
            done, waiting = ray.wait(waiting, timeout=POLL_SECONDS)
            tell(study.study.get_trials(deepcopy=False))
            for each in done:
                _collect(ray, each)
    require_spent(study, problem, budget)


def ray_worker(problem: TuningProblem, place: Place, name: str, budget: Budget, workers: int) -> None:
    """Work on a study in a Ray worker."""
    work(problem, place, name, budget, workers)


def _collect(ray: Any, each: Any) -> None:
    try:
        ray.get(each)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, FairMindError):
            raise cause from error
        raise
    except ray.exceptions.RayError as error:
        print(f"error: a Ray worker ended ({type(error).__name__}); the others go on", file=sys.stderr)


@contextmanager
def _cluster(workers: int, address: str | None) -> Iterator[Any]:
    """Yield Ray, connected; what was started here is ended here."""
    switch_telemetry_off()
    try:
        import ray
    except ImportError:
        raise BadInputError(
            f"Ray is not installed. Install the extra: `pip install 'fairmind-ml[{EXTRA}]'`, or use --workers for "
            "processes of this machine."
        ) from None
    resources: dict[str, Any] = {} if address else {"num_cpus": workers, "include_dashboard": False}
    try:
        with _code_of_this_process():
            ray.init(address=address or LOCAL, logging_level=logging.ERROR, log_to_driver=False, **resources)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        raise ServiceUnavailableError(
            f"Ray does not answer at {address or 'this machine'} ({type(error).__name__}). Start it, or leave out "
            "--ray-address."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _code_of_this_process() -> Iterator[None]:
    """Let the processes that Ray starts import the code that runs here, be it a copy of the repository."""
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
