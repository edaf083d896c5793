"""How the options of `fairmind audit` are written: lists, bands, reference groups, gates."""

import csv
from collections.abc import Sequence
from pathlib import Path

from apps.ml.errors import BadInputError
from apps.ml.parameters import Gate


def names_of(given: Sequence[str] | None, option: str) -> tuple[str, ...]:
    """Return the entries of comma-separated lists; one that holds a comma stands in quotation marks.

    Raises
    ------
    BadInputError
        An entry is empty or named twice.
    """
    names = [name.strip() for text in given or () for name in next(csv.reader([text], skipinitialspace=True), [])]
    if "" in names:
        raise BadInputError(f"{option} has an empty entry. Write names separated by commas.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise BadInputError(f"{option} names '{repeated}' twice. Name it once.")
    return tuple(names)


def attribute_bands(given: Sequence[str] | None) -> dict[str, tuple[float, ...]]:
    """Return column → lower bounds from entries such as `age=25,45`.

    Raises
    ------
    BadInputError
        An entry is not written like that.
    """
    found: dict[str, tuple[float, ...]] = {}
    for text in given or ():
        name, _, bounds = text.rpartition("=")
        try:
            numbers = tuple(float(bound) for bound in bounds.split(","))
        except ValueError:
            numbers = ()
        if not name.strip() or not numbers:
            raise BadInputError(f"--bands '{text}' is not a column with lower bounds. Write it like 'age=25,45'.")
        if name.strip() in found:
            raise BadInputError(f"--bands names '{name.strip()}' twice. Write all its bounds in one entry.")
        found[name.strip()] = numbers
    return found


def reference_groups(given: Sequence[str] | None) -> dict[str, str]:
    """Return attribute → group from entries such as `sex=male`.

    Raises
    ------
    BadInputError
        An entry is not written like that.
    """
    found: dict[str, str] = {}
    for text in given or ():
        name, equals, group = text.partition("=")
        if not equals or not name.strip() or not group.strip():
            raise BadInputError(f"--reference '{text}' is not an attribute with a group. Write it like 'sex=male'.")
        found[name.strip()] = group.strip()
    return found


def separator_of(given: str | None) -> str | None:
    """Return one character; `tab` and `\\t` stand for a tabulator.

    Raises
    ------
    BadInputError
        It is longer than one character.
    """
    if given is None:
        return None
    separator = "\t" if given in ("tab", "\\t") else given
    if len(separator) != 1 or separator in '"\r\n':
        raise BadInputError("--separator is one character, for instance ';' or tab. Write it in quotation marks.")
    return separator


def chosen_gates(written: Sequence[str] | None, path: Path | None, none: bool) -> tuple[Gate, ...] | None:
    """Return the gates that were asked for; None where the default ones are meant.

    Raises
    ------
    BadInputError
        --no-gates stands beside gates, two share a name, or one cannot be read.
    """
    from apps.ml.evaluation.audit.limits import parse_gate, read_gates, require_own_names

    if none and (written or path):
        raise BadInputError("--no-gates stands beside gates. Leave one of them out.")
    if none:
        return ()
    if not written and path is None:
        return None
    gates = (*(parse_gate(text) for text in written or ()), *(read_gates(path) if path else ()))
    require_own_names(gates)
    return gates
