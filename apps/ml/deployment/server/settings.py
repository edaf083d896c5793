"""What the operator chose for one server, from options and environment variables."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.ml.deployment.traffic.plan import TrafficPlan, plan_file, read_plan, with_arms
from apps.ml.deployment.versions.model_source import ModelSource, default_address, model_source
from apps.ml.deployment.versions.serving_policy import ServingPolicy, serving_policy
from apps.ml.deployment.versions.watch import REFRESH_SECONDS, refresh_seconds
from apps.ml.errors import BadInputError
from apps.ml.prediction_log.journal import JOURNAL_BYTES
from apps.ml.prediction_log.state_folder import DEFAULT_STATE, state_folder

JOURNAL_VARIABLE = "FAIRMIND_JOURNAL_BYTES"
LEAST_JOURNAL_BYTES = 1 << 20
MOST_WORKERS = 64


@dataclass(frozen=True)
class ServingSettings:
    """One server: what it serves, where it listens, how many processes work, what it keeps.

    `log`: keep the prediction log. `state`: folder of journals and of what processes tell each other. `plan`: arms and
    shadows, read from the file `traffic`. `refresh_seconds`: how often aliases are resolved again; 0: when told.
    """

    addresses: tuple[str, ...]
    policy: ServingPolicy
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    as_json: bool = False
    log: bool = True
    state: Path = Path(DEFAULT_STATE)
    traffic: Path | None = None
    plan: TrafficPlan | None = None
    refresh_seconds: float = REFRESH_SECONDS
    journal_bytes: int = JOURNAL_BYTES

    def sources(self) -> list[ModelSource]:
        """Return where the served versions come from: those that were named, then those of the arms."""
        named = [model_source(address, self.policy) for address in self.addresses]
        return named if self.plan is None else with_arms(named, self.plan, self.policy)


def serving_settings(
    models: Sequence[str],
    allow: Sequence[str] | None,
    host: str,
    port: int,
    *,
    workers: int = 1,
    as_json: bool = False,
    log: bool = True,
    traffic: Path | None = None,
) -> ServingSettings:
    """Return the settings of a server; what options leave open is read from the environment.

    Raises
    ------
    BadInputError
        An option or a variable holds what it cannot mean.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise BadInputError(f"--workers is not between 1 and {MOST_WORKERS}. Choose about one per processor.")
    planned = plan_file(traffic)
    return ServingSettings(
        addresses=tuple(models) or tuple(part.strip() for part in default_address().split(",")),
        policy=serving_policy(allow),
        host=host,
        port=port,
        workers=workers,
        as_json=as_json,
        log=log,
        state=state_folder().absolute(),
        traffic=planned,
        plan=None if planned is None else read_plan(planned),
        refresh_seconds=refresh_seconds(),
        journal_bytes=_journal_bytes(os.environ.get(JOURNAL_VARIABLE, "")),
    )


def _journal_bytes(text: str) -> int:
    """The bound on the journal of one process: what may wait for the database before answers are refused."""
    if not text.strip():
        return JOURNAL_BYTES
    if not (text.isascii() and text.isdigit() and int(text) >= LEAST_JOURNAL_BYTES):
        raise BadInputError(f"{JOURNAL_VARIABLE} is no number of bytes from {LEAST_JOURNAL_BYTES} on. Set it to one.")
    return int(text)
