"""The plan of traffic: a YAML file with arms, weights, their changes over time, and shadows."""

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from apps.ml.deployment.versions.model_source import SCHEME, ModelSource, model_source
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BadInputError
from apps.ml.validation_errors import describe_validation_errors

TRAFFIC_VARIABLE = "FAIRMIND_TRAFFIC"
WEIGHT_TOLERANCE = 1e-9


def _instant(value: Any) -> Any:
    """YAML leaves a quoted time as text."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a time as 2026-01-05T08:00:00+01:00") from None


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Weight = Annotated[float, Field(ge=0.0, le=1.0)]
Instant = Annotated[datetime, BeforeValidator(_instant)]


class PlanPart(BaseModel):
    """A part of the plan: frozen, strict, no key beyond the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Arm(PlanPart):
    """One of the versions that callers are divided among: exactly one of `address` and `alias` is given."""

    name: Name
    weight: Weight
    address: Text | None = None
    alias: Text | None = None

    @model_validator(mode="after")
    def _names_one_version(self) -> Self:
        if (self.address is None) == (self.alias is None):
            raise ValueError(f"exactly one of address and alias for the arm {self.name}")
        return self


class Step(PlanPart):
    """From an instant on, other weights. `from` carries its offset from UTC."""

    start: Annotated[Instant, Field(alias="from")]
    weights: dict[Name, Weight]


class Shadow(PlanPart):
    """A version that scores what others answered, for the log alone."""

    name: Name
    address: Text


class TrafficPlan(PlanPart):
    """Who is answered by what.

    `model`: the model whose requests are divided. `salt`: another one divides the same subjects anew. `arms`: the first
    answers where the version of another arm is not loaded. `schedule`: later weights; what came before stays in the
    file, because a subject's place depends on it (see :mod:`~apps.ml.deployment.traffic.layout`).
    """

    model: Text
    salt: Text
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, strict=False)]
    schedule: Annotated[tuple[Step, ...], Field(strict=False)] = ()
    shadows: Annotated[tuple[Shadow, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _require_distinct("arms", [arm.name for arm in self.arms])
        _require_distinct("shadows", [shadow.name for shadow in self.shadows])
        self._require_steps()
        for weights in self.weights():
            if not math.isclose(math.fsum(weights), 1.0, abs_tol=WEIGHT_TOLERANCE):
                raise ValueError(f"weights of sum 1 (they sum to {math.fsum(weights):g})")
        for arm in self.arms:
            self._require_own_model(arm)
        return self

    @property
    def starts(self) -> list[float]:
        """When the steps of the schedule begin, in seconds since 1970."""
        return [step.start.timestamp() for step in self.schedule]

    def weights(self) -> list[list[float]]:
        """Return the weights of all arms, first those beside the arms, then those of each step."""
        later = [[step.weights.get(arm.name, 0.0) for arm in self.arms] for step in self.schedule]
        return [[arm.weight for arm in self.arms], *later]

    def address(self, arm: Arm) -> str:
        """Return the address of an arm's version."""
        return arm.address or f"{SCHEME}{self.model}@{arm.alias}"

    def _require_steps(self) -> None:
        names = {arm.name for arm in self.arms}
        for step in self.schedule:
            if step.start.tzinfo is None:
                raise ValueError("an offset from UTC in every `from` of the schedule (as +00:00)")
            if set(step.weights) != names:
                raise ValueError("the weights of all arms, and of no others, in every step of the schedule")
        starts = [step.start for step in self.schedule]
        if any(later <= earlier for earlier, later in itertools.pairwise(starts)):
            raise ValueError("steps of the schedule in the order of their times")

    def _require_own_model(self, arm: Arm) -> None:
        address = self.address(arm)
        if address.startswith(SCHEME) and not address.startswith((f"{SCHEME}{self.model}@", f"{SCHEME}{self.model}/")):
            raise ValueError(f"an address of the model {self.model} for the arm {arm.name}")


def read_plan(path: Path) -> TrafficPlan:
    """Read and check a plan.

    Raises
    ------
    BadInputError
        The file is missing, is not YAML, or holds an unknown key or an impossible value.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}). Name the file of a plan.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} is not valid YAML. Mend it.") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{path} holds no keys. Write model, salt and arms.")
    try:
        plan = TrafficPlan.model_validate(content)
    except ValidationError as error:
        lines = describe_validation_errors(error, TrafficPlan)
        raise BadInputError(f"{path}: " + "; ".join(lines) + ". Mend the named keys.") from None
    arm_sources(plan)
    shadow_sources(plan)
    return plan


def plan_file(path: Path | None = None) -> Path | None:
    """Return `path`, by default what FAIRMIND_TRAFFIC names; None where neither names a plan."""
    written = os.environ.get(TRAFFIC_VARIABLE)
    return path or (Path(written) if written else None)


def arm_sources(plan: TrafficPlan, policy: ServingPolicy = ServingPolicy()) -> list[ModelSource]:  # noqa: B008 (frozen)
    """Return the sources of the arms, each address once, in the order of the arms."""
    addresses = dict.fromkeys(plan.address(arm) for arm in plan.arms)
    return [model_source(address, policy) for address in addresses]


def shadow_sources(
    plan: TrafficPlan,
    policy: ServingPolicy = ServingPolicy(),  # noqa: B008 (frozen)
) -> Mapping[str, ModelSource]:
    """Return name → source of the shadows."""
    return {shadow.name: model_source(shadow.address, policy) for shadow in plan.shadows}


def with_arms(sources: Sequence[ModelSource], plan: TrafficPlan, policy: ServingPolicy) -> list[ModelSource]:
    """Return sources, then those of the arms that are not among them."""
    named = {source.address for source in sources}
    return [*sources, *(source for source in arm_sources(plan, policy) if source.address not in named)]


def _require_distinct(what: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{what} of distinct names")
