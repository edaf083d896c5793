"""Tables of predicted numbers in Markdown: performance, comparisons and groups, the same in every document."""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.markdown import Markdown, figured, table


def performance_table(record: Mapping[str, Any]) -> Markdown:
    """Return every measure of performance with its interval and meaning."""
    found = record["performance"]
    rows = [
        (word.name, figured(found[name]), _meaning(word))
        for name, word in words.NUMBER_PERFORMANCE.items()
        if name in found
    ]
    return table(("Measure", "Value", "What it says"), rows)


def comparisons_table(part: Mapping[str, Any]) -> Markdown:
    """Return the comparisons between the judged groups of one attribute that have a value."""
    rows = [
        (
            word.name,
            figured(part[name]),
            held_at_once(part[name]),
            part[name].get("lowest", words.NONE),
            part[name].get("highest", words.NONE),
            _meaning(word),
        )
        for name, word in words.NUMBER_COMPARISONS.items()
        if name in part and part[name]["value"] is not None
    ]
    return table(("Measure", "Value", "Held together", "Lowest group", "Highest group", "What it says"), rows)


def undefined_comparisons(part: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the comparisons without a value by the reason why."""
    found: dict[str, list[str]] = {}
    for name, word in words.NUMBER_COMPARISONS.items():
        if name in part and part[name]["value"] is None:
            found.setdefault(part[name]["undefined"], []).append(word.name)
    return list(found.items())


def groups_table(part: Mapping[str, Any]) -> Markdown:
    """Return every group of one attribute with its means and errors; why those of a group are missing, by its name."""
    rows = []
    for name, group in part["groups"].items():
        withheld = withheld_because(group)
        notes = [note for note in (None if group["judged"] else f"not judged: {group['why_not']}", withheld) if note]
        cells = [
            words.NONE if withheld or measure not in group else figured(group[measure])
            for measure in words.NUMBER_GROUPS
        ]
        rows.append((f"{name} ({'; '.join(notes)})" if notes else name, words.count(group["n"]), *cells))
    return table(("Group", "Rows", *(word.name for word in words.NUMBER_GROUPS.values())), rows, numbers=(1,))


def withheld_because(group: Mapping[str, Any]) -> str | None:
    """Return the reason why nothing at all is told of a group but its size; None where something is."""
    reasons = {group[measure].get("undefined") for measure in words.NUMBER_GROUPS if measure in group}
    return next(iter(reasons)) if len(reasons) == 1 else None


def reference_table(part: Mapping[str, Any]) -> Markdown:
    """Return the signed comparisons of every other judged group with the reference group."""
    compared = (part.get("reference") or {}).get("comparisons", {})
    rows = [
        (group, *(figured(found[name]) if name in found else words.NONE for name in words.NUMBER_REFERENCE))
        for group, found in compared.items()
    ]
    return table(("Group", *(word.name for word in words.NUMBER_REFERENCE.values())), rows)


def individual_table(part: Mapping[str, Any]) -> Markdown:
    """Return what was measured between persons."""
    found = part.get("individual", {})
    rows = [
        (word.name, figured(found[name]), _meaning(word))
        for name, word in words.NUMBER_INDIVIDUAL.items()
        if name in found
    ]
    return table(("Measure", "Value", "What it says"), rows)


def held_at_once(found: Mapping[str, Any]) -> Markdown:
    """Return the interval that holds together with all others of its family; a dash where there is none."""
    bounds = {"lower": found.get("simultaneous_lower"), "upper": found.get("simultaneous_upper")}
    return Markdown(words.figure_interval(bounds) or words.NONE)


def _meaning(word: words.Words) -> str:
    return word.meaning + (f" ({word.better})" if word.better else "")
