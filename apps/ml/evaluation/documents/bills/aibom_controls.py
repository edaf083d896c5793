"""Which evidence of fairness exists, and in which state: rules over facts of the record, never an opinion.

==============  ====================================================================================================
state           rule; the first that holds decides
==============  ====================================================================================================
not_applicable  the control cannot apply: no model was handed in, it predicts numbers and decides nothing, or there is
                one attribute and nothing to cross
missing         the record holds nothing at the control's place
unknown         all of it is undefined, or nobody says where the rows came from
stale           another model is in use than the one that was evaluated
simulated       the rows were made up by a generator
reviewed        a responsible person signed this very digest
current         none of these
==============  ====================================================================================================

What is missing, unknown, stale or simulated is never a low risk, and no review makes simulated evidence real.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.bills.aibom_rules import RULES, Rule
from apps.ml.evaluation.record.layout import task_of
from apps.ml.files import sha256_of_json

State = Literal["unknown", "missing", "simulated", "stale", "current", "reviewed", "not_applicable"]
OPEN_STATES = ("missing", "unknown", "stale")
"""States that leave a gap: nobody may read them as a low risk."""

UNPROVEN_STATES = (*OPEN_STATES, "simulated")
"""States that support no claim about people and that nobody can accept."""


@dataclass(frozen=True)
class Facts:
    """What is known outside the record.

    `dated`: when the profile was made, ISO 8601, or None. `in_use`: sha256 of the bundle that serves, or None where
    nobody asks. `reviewed`: digest of the record that a responsible person signed, or None. `reviewer`: who.
    """

    dated: str | None = None
    in_use: str | None = None
    reviewed: str | None = None
    reviewer: str | None = None


NOTHING_KNOWN = Facts()


@dataclass(frozen=True)
class Control:
    """One piece of evidence that a reviewer looks for, with its state, why, and where it stands in the record.

    `pointer` is a JSON pointer (RFC 6901); `sha256` is over what stands there, or None where nothing does.
    """

    name: str
    component: str
    claim: str
    framework: str
    reference: str
    state: State
    why: str
    pointer: str
    sha256: str | None

    @property
    def evidence(self) -> str:
        """Pointer and digest as one reference; empty where there is nothing."""
        return f"evidence.json#{self.pointer} sha256:{self.sha256}" if self.sha256 else ""


def controls(record: Mapping[str, Any], facts: Facts = NOTHING_KNOWN) -> list[Control]:
    """Return every control with its state, in display order."""
    return [_looked_up(rule, record, facts) for rule in RULES]


def state_of_measurements(record: Mapping[str, Any], facts: Facts) -> tuple[State, str]:
    """Return the state that everything measured in this record has, and why."""
    kind = record["data"]["source_kind"]
    if kind == "unknown":
        return "unknown", "the record does not say where the rows came from"
    if facts.in_use is not None and record["model"] is not None and facts.in_use != record["model"]["bundle_sha256"]:
        return "stale", "another model is in use than the one that was evaluated"
    if kind == "generator":
        return "simulated", "the rows were made up by a generator"
    if facts.reviewed is not None and facts.reviewed == record["digest"]:
        return "reviewed", "a responsible person signed this record"
    return "current", "measured on the rows that the record names"


def _looked_up(rule: Rule, record: Mapping[str, Any], facts: Facts) -> Control:
    found = rule.found(record)
    state, why = _state(rule, record, facts, found)
    held = state not in ("missing", "not_applicable")
    names = (rule.name, rule.component, rule.claim, rule.framework, rule.reference)
    return Control(*names, state, why, rule.pointer, sha256_of_json(_at(record, rule.pointer)) if held else None)


def _at(record: Mapping[str, Any], pointer: str) -> Any:
    """Return what stands at a JSON pointer, whose names need no escapes here."""
    found: Any = record
    for key in pointer.strip("/").split("/"):
        found = found[key]
    return found


def _state(rule: Rule, record: Mapping[str, Any], facts: Facts, found: Any) -> tuple[State, str]:
    if rule.needs_model and record["model"] is None:
        return "not_applicable", "the model was not handed in"
    if rule.needs_decisions and task_of(record) == REGRESSION:
        return "not_applicable", "the model predicts numbers and decides nothing"
    if len(record["data"]["attributes"]) < rule.needs_attributes:
        return "not_applicable", "there is one attribute and nothing to cross"
    if found is None:
        return "missing", rule.lacks
    if isinstance(found, Mapping) and isinstance(found.get("undefined"), str):
        return "unknown", found["undefined"]
    values = list(_values(found))
    if values and all(value is None for value in values):
        return "unknown", "everything that was measured for it is undefined"
    return state_of_measurements(record, facts)


def _values(found: Any) -> list[Any]:
    """Return the values of all measurements inside."""
    if isinstance(found, Mapping):
        if {"value", "n"} <= found.keys():
            return [found["value"]]
        return [value for part in found.values() for value in _values(part)]
    if isinstance(found, list):
        return [value for part in found for value in _values(part)]
    return []
