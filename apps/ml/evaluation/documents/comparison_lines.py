"""The comparisons of one attribute as lines of a table: difference and ratio of the same rates side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.evaluation.documents.words import COMPARISON_KINDS, MAIN_COMPARISONS, Words

ENDINGS = ("_difference", "_ratio")


@dataclass(frozen=True)
class ComparisonLine:
    """One comparison by its name in words; a measurement is None where there is no such form of it."""

    name: str
    difference: Mapping[str, Any] | None
    ratio: Mapping[str, Any] | None

    @property
    def groups(self) -> tuple[str, str] | None:
        """The groups with the lowest and the highest rate, or None where they are not known."""
        for measured in self._forms:
            if measured.get("lowest") is not None:
                return measured["lowest"], measured["highest"]
        return None

    @property
    def undefined(self) -> str | None:
        """Why no form of it has a value; None where one has."""
        if any(measured.get("value") is not None for measured in self._forms):
            return None
        return str(self._forms[0]["undefined"])

    @property
    def _forms(self) -> list[Mapping[str, Any]]:
        return [measured for measured in (self.difference, self.ratio) if measured is not None]


@dataclass(frozen=True)
class Compared:
    """What stands in the table, per kind of comparison in display order, and what is undefined: reason → names."""

    kinds: Mapping[str, Sequence[ComparisonLine]]
    undefined: Mapping[str, Sequence[str]]


def compared(assessed: Mapping[str, Any]) -> Compared:
    """Return the lines that have a value, and the names of those that have none by the reason why.

    Parameters
    ----------
    assessed : mapping
        The attribute's part of fairness.json.
    """
    lines = comparison_lines(assessed)
    with_value = {kind: [line for line in part if line.undefined is None] for kind, part in lines.items()}
    undefined: dict[str, list[str]] = {}
    for line in (line for part in lines.values() for line in part):
        if line.undefined is not None:
            undefined.setdefault(line.undefined, []).append(line.name)
    return Compared({kind: part for kind, part in with_value.items() if part}, undefined)


def main_lines(assessed: Mapping[str, Any]) -> list[ComparisonLine]:
    """Return the lines of the main comparisons in display order, those without a value as well."""
    stems = {_stem(key) for key in MAIN_COMPARISONS}
    return [line for words in COMPARISON_KINDS.values() for line in _lines(assessed, words, stems)]


def comparison_lines(assessed: Mapping[str, Any]) -> dict[str, list[ComparisonLine]]:
    """Return, per kind of comparison in display order, its lines; kinds without any are left out.

    Parameters
    ----------
    assessed : mapping
        The attribute's part of fairness.json.
    """
    found = {kind: _lines(assessed, words) for kind, words in COMPARISON_KINDS.items()}
    return {kind: lines for kind, lines in found.items() if lines}


def _lines(
    assessed: Mapping[str, Any], words: Mapping[str, Words], stems: set[str] | None = None
) -> list[ComparisonLine]:
    return [
        ComparisonLine(
            _name(key, words[key].name), assessed.get(_as(key, "_difference")), assessed.get(_as(key, "_ratio"))
        )
        for key in _first_of_each(words, assessed)
        if stems is None or _stem(key) in stems
    ]


def _first_of_each(words: Mapping[str, Words], assessed: Mapping[str, Any]) -> list[str]:
    """Keys that were assessed without those whose other form came before."""
    kept: dict[str, str] = {}
    for key in words:
        if key in assessed:
            kept.setdefault(_stem(key), key)
    return list(kept.values())


def _stem(key: str) -> str:
    return next((key.removesuffix(ending) for ending in ENDINGS if key.endswith(ending)), key)


def _as(key: str, ending: str) -> str:
    """The key of the other form; a key without an ending is a difference itself."""
    stem = _stem(key)
    return key if stem == key and ending == "_difference" else stem + ending


def _name(key: str, name: str) -> str:
    return name.replace(" difference", "").replace(" ratio", "") if _stem(key) != key else name
