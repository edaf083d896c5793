"""ARFF files, the format of OpenML and Weka, as text.

References
----------
University of Waikato, Attribute-Relation File Format (ARFF), stable version. Sparse rows and relational attributes are
refused.
"""

import re
from collections.abc import Iterator

import pandas as pd

from apps.ml.data.sources.declared_reading import require_distinct
from apps.ml.errors import SourceError

VALUE = re.compile(
    r"""\s*(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>(?!['"])[^,]*?))\s*(?:,|$)""",
    re.DOTALL,
)
ATTRIBUTE = re.compile(
    r"""@attribute\s+(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>\S+))""", re.I
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse_arff(text: str, origin: str) -> pd.DataFrame:
    """Return the rows of a dense ARFF file as a data frame [n, columns] of `str`; an unquoted `?` is missing (NaN).

    Raises
    ------
    SourceError
        The text is no dense ARFF, repeats a column name, or has rows of another length than its attributes.
    """
    lines = enumerate(text.split("\n"), start=1)
    names = list(_attribute_names(lines))
    if not names:
        raise SourceError(f"{origin} is not ARFF: no attribute is declared before the data. Mend `source.data_id`.")
    require_distinct(names, origin)
    rows = [_checked_row(line, number, len(names), origin) for number, line in lines if _is_content(line)]
    return pd.DataFrame(rows, columns=names, dtype="str")


def _attribute_names(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    """Yield the attributes' names and stop after the line `@data`."""
    for _, line in lines:
        if line.strip().lower().startswith("@data"):
            return
        found = ATTRIBUTE.match(line.strip())
        if found:
            yield _unquoted(found) or ""


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("%")


def _checked_row(line: str, number: int, expected: int, origin: str) -> list[str | None]:
    if line.lstrip().startswith("{"):
        raise SourceError(f"{origin}, line {number}: sparse ARFF is not read. Use a dense version of the data set.")
    row = _fields(line.rstrip())
    if len(row) != expected:
        raise SourceError(
            f"{origin}, line {number}: {len(row)} values; expected {expected}, one per attribute. Use another version."
        )
    return row


def _fields(line: str) -> list[str | None]:
    fields: list[str | None] = []
    position = 0
    while position <= len(line):
        found = VALUE.match(line, position)
        if found is None:
            return []
        fields.append(None if found["bare"] == "?" else _unquoted(found))
        if not found[0].endswith(","):
            return fields
        position = found.end()
    return fields


def _unquoted(found: re.Match[str]) -> str | None:
    quoted = found["single"] if found["single"] is not None else found["double"]
    if quoted is None:
        return found["bare"]
    return re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), quoted, flags=re.DOTALL)
