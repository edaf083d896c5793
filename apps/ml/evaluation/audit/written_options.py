"""How an audit is asked for in writing: lists, bands, reference groups and gates as texts become :class:`AuditOptions`.

The command line and the evidence service both read options here. Messages name an option as the command line writes
it, `--minimum-group-size`; the service turns that into the name of its own parameter, `minimum_group_size`.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apps.ml.errors import BadInputError
from apps.ml.parameters import Gate

if TYPE_CHECKING:
    # Reading options needs no NumPy before there are some, so that `fairmind audit --help` is quick.
    from apps.ml.evaluation.audit.options import AuditOptions

ListOf = Sequence[str] | None


@dataclass(frozen=True)
class WrittenOptions:
    """The options of one audit as they were written, in the names and with the defaults of `fairmind audit`.

    Lists hold entries separated by commas; None: the option was not given. `gates`: a YAML file, which a service does
    not take. The rest is explained at :class:`~apps.ml.evaluation.audit.options.AuditOptions`.
    """

    sensitive: ListOf = None
    prediction: str | None = None
    label: str | None = None
    score: str | None = None
    threshold: float | None = None
    positive: ListOf = None
    favourable: ListOf = None
    negative: ListOf = None
    weight: str | None = None
    bands: ListOf = None
    intersections: int = 2
    condition: ListOf = None
    reference: ListOf = None
    minimum_group_size: int = 30
    confidence: float = 0.95
    gate: ListOf = None
    gates: Path | None = None
    no_gates: bool = False
    score_scale: str = "probability"
    missing: ListOf = None
    leave_out_missing: bool = False
    separator: str | None = None
    encoding: str = "utf-8"


def audit_options(path: Path, written: WrittenOptions) -> "AuditOptions":
    """Return the options of an audit of `path`, checked; the file is not looked at.

    Raises
    ------
    BadInputError
        A text is not written as its option asks, or options contradict each other.
    """
    from apps.ml.evaluation.audit.options import MISSING, AuditOptions, score_scale_named
    from apps.ml.evaluation.audit.outcome_words import OutcomeWords

    return AuditOptions(
        path=path,
        sensitive=names_of(written.sensitive, "--sensitive"),
        words=OutcomeWords(
            names_of(written.positive, "--positive"),
            names_of(written.favourable, "--favourable"),
            names_of(written.negative, "--negative"),
        ),
        prediction=written.prediction,
        label=written.label,
        score=written.score,
        weight=written.weight,
        threshold=written.threshold,
        score_scale=score_scale_named(written.score_scale),
        conditions=names_of(written.condition, "--condition"),
        bands=attribute_bands(written.bands),
        intersections=written.intersections,
        references=reference_groups(written.reference),
        minimum_group_size=written.minimum_group_size,
        confidence=written.confidence,
        missing=MISSING if written.missing is None else names_of(written.missing, "--missing"),
        leave_out_missing=written.leave_out_missing,
        separator=separator_of(written.separator),
        encoding=written.encoding,
        gates=chosen_gates(written.gate, written.gates, written.no_gates),
    )


def names_of(given: ListOf, option: str) -> tuple[str, ...]:
    """Return the entries of comma-separated lists; one that holds a comma stands in quotation marks.

    Raises
    ------
    BadInputError
        An entry is empty, named twice or not written on one line.
    """
    try:
        names = [name.strip() for text in given or () for name in next(csv.reader([text], skipinitialspace=True), [])]
    except csv.Error:
        raise BadInputError(f"{option} is not a list on one line. Write names separated by commas.") from None
    if "" in names:
        raise BadInputError(f"{option} has an empty entry. Write names separated by commas.")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise BadInputError(f"{option} names '{repeated}' twice. Name it once.")
    return tuple(names)


def attribute_bands(given: ListOf) -> dict[str, tuple[float, ...]]:
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


def reference_groups(given: ListOf) -> dict[str, str]:
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
    """Return one character of ASCII; `tab` and `\\t` stand for a tabulator.

    Raises
    ------
    BadInputError
        It is longer than one character, or one that separates nothing.
    """
    if given is None:
        return None
    separator = "\t" if given in ("tab", "\\t") else given
    if len(separator) != 1 or separator == '"' or not (separator == "\t" or " " <= separator <= "~"):
        raise BadInputError("--separator is one character, for instance ';' or tab. Write it in quotation marks.")
    return separator


def chosen_gates(written: ListOf, path: Path | None, none: bool) -> tuple[Gate, ...] | None:
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
