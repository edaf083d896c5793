"""The limits an audit is held against: the default ones, those of the command line, and those of a file."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from apps.ml.errors import BadInputError
from apps.ml.evaluation.gates.paths import GatesOrigin
from apps.ml.parameters import Gate

FOUR_FIFTHS = Gate(name="four fifths", metric="fairness.*.demographic_parity_ratio", at_least=0.8)
"""29 CFR 1607.4(D): under four fifths of the highest rate; every attribute and every intersection."""

EQUAL_OPPORTUNITY = Gate(name="equal opportunity", metric="fairness.*.equal_opportunity_difference", at_most=0.15)
"""The limit that the pipeline's own gates have; it needs labels."""

ORIGIN = GatesOrigin(
    "",
    "Mend the path that --gate or the file of --gates names.",
    "Give --confidence {confidence:g} or more, or ask for less",
)
"""Where the gates of an audit were written, for messages."""

# The last sign divides, because names of groups may hold others: `fairness.age.groups.<25.selection_rate>=0.5`.
_WRITTEN = re.compile(r"(?P<metric>.+?)\s*(?P<sign><=|>=)\s*(?P<limit>[^<>=]+)")


def default_gates(labelled: bool) -> tuple[Gate, ...]:
    """Return what an audit is held against where nothing else is asked for."""
    return (FOUR_FIFTHS, EQUAL_OPPORTUNITY) if labelled else (FOUR_FIFTHS,)


def parse_gate(text: str) -> Gate:
    """Return the gate that is written as `fairness.*.equalized_odds_difference<=0.1`; `>=` asks for at least.

    Raises
    ------
    BadInputError
        It is not written like that.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise BadInputError(
            f"--gate '{text}' is not a limit. Write it like 'fairness.*.equalized_odds_difference<=0.1' or "
            "'fairness.sex.demographic_parity_ratio>=0.8', in quotation marks."
        )
    limit = "at_most" if found["sign"] == "<=" else "at_least"
    return _checked([{"name": text.strip(), "metric": found["metric"].strip(), limit: found["limit"]}], "--gate")[0]


def read_gates(path: Path) -> tuple[Gate, ...]:
    """Read gates from YAML: a list of them, or a mapping with `gates` (also below `model_registration`).

    Raises
    ------
    BadInputError
        The file does not exist, is not YAML, or holds something that is not a gate.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInputError(f"there is no file {path}. Name a YAML file with gates.") from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}. Name a YAML file with gates.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise BadInputError(
            f"{path} is not valid YAML. Write a list of gates as under `gates:` in params.yaml."
        ) from None
    if isinstance(content, dict):
        content = content.get("model_registration", content)
    if isinstance(content, dict):
        content = content.get("gates")
    if not isinstance(content, list) or not content:
        raise BadInputError(f"{path} holds no gates. Write a list of them as under `gates:` in params.yaml.")
    return _checked(content, str(path))


def require_own_names(gates: Sequence[Gate]) -> None:
    """Refuse two gates of one name, of which a report would show one only.

    Raises
    ------
    BadInputError
        Names it.
    """
    names = [gate.name for gate in gates]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise BadInputError(f"two gates are named '{repeated}'. Give each its own name.")


def require_fixed_limits(gates: Sequence[Gate]) -> None:
    """Refuse a gate on the change from a champion: an audit has none, and leaving the gate out would pass it.

    Raises
    ------
    BadInputError
        Names it.
    """
    changing = next((gate.name for gate in gates if gate.reference != "fixed"), None)
    if changing is not None:
        raise BadInputError(
            f"the gate '{changing}' limits the change from a champion (reference: champion), and an audit has "
            "no champion. Leave this gate out."
        )


def _checked(content: list[Any], origin: str) -> tuple[Gate, ...]:
    try:
        return TypeAdapter(tuple[Gate, ...]).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        message = first["msg"].removeprefix("Value error, ")
        raise BadInputError(f"{origin}: {where + ': ' if where else ''}{message}. Mend this gate.") from None
