"""The columns of a table of groups: measures that some group has, and those that none has, with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.evaluation.documents.words import Words


@dataclass(frozen=True)
class GroupColumns:
    """Measure → its words, in display order, and what is undefined for every group alike: reason → names."""

    shown: Mapping[str, Words]
    undefined: Mapping[str, Sequence[str]]


def group_columns(words: Mapping[str, Words], groups: Mapping[str, Mapping[str, Any]]) -> GroupColumns:
    """Divide the measures; one that no group holds at all is left out.

    Parameters
    ----------
    words : mapping
        Measure → its words, in display order.
    groups : mapping
        Group → measurements by name, as in fairness.json.
    """
    shown: dict[str, Words] = {}
    undefined: dict[str, list[str]] = {}
    for measure, word in words.items():
        found = [group[measure] for group in groups.values() if measure in group]
        reasons = {measured["undefined"] if measured["value"] is None else None for measured in found}
        reason = next(iter(reasons)) if len(reasons) == 1 else None
        if reason is not None:
            undefined.setdefault(reason, []).append(word.name)
        elif found:
            shown[measure] = word
    return GroupColumns(shown, undefined)
