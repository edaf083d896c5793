"""The model card: one Markdown file, rendered from the evidence record alone."""

from collections.abc import Mapping
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.errors import BadInputError
from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.markdown import Markdown, held_together, measured, rate, render_markdown, table
from apps.ml.evaluation.documents.number_card import render_number_card
from apps.ml.evaluation.documents.outcomes import is_weighted
from apps.ml.evaluation.documents.summary import limits
from apps.ml.evaluation.record.layout import task_of


def render_model_card(record: Mapping[str, Any]) -> str:
    """Return the card as Markdown; every value of the record is escaped.

    Raises
    ------
    BadInputError
        The record is about decisions that came without a model.

    References
    ----------
    Mitchell et al., "Model Cards for Model Reporting", FAccT 2019, section 4.
    """
    if record["model"] is None:
        raise BadInputError("a record of decisions alone has no model card. Render its other documents.")
    if task_of(record) == REGRESSION:
        return render_number_card(record)
    return render_markdown(
        "model_card.md.j2",
        record,
        limits=limits(record),
        fairness={name: _fairness(record, part) for name, part in record["fairness"].items()},
        weighted=is_weighted(record),
    )


def _fairness(record: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Markdown]:
    return {
        "comparisons": _comparisons(part),
        "groups": _groups(record, part),
        "reference": _reference(part),
        "conditional": _conditional(part),
        "individual": _individual(part),
    }


def _comparisons(part: Mapping[str, Any]) -> Markdown:
    rows = [
        (
            word.name,
            measured(part[name]),
            held_together(part[name]),
            part[name].get("lowest", words.NONE),
            part[name].get("highest", words.NONE),
            _meaning(word),
        )
        for name, word in words.MAIN_COMPARISONS.items()
        if name in part
    ]
    head = ("Measure", "Value", "Held together", "Lowest group", "Highest group", "What it says")
    return table(head, rows)


def _groups(record: Mapping[str, Any], part: Mapping[str, Any]) -> Markdown:
    shares = words.rates(record["decision"]["favourable"])
    ratios = {name: words.GROUP_MEASURES[name] for name in ("impact_ratio", "roc_auc", "calibration_error")}
    ratios = {name: word for name, word in ratios.items() if any(name in group for group in part["groups"].values())}
    rows = [
        [
            name if group["judged"] else f"{name} (not judged: {group.get('why_not', words.NONE)})",
            words.count(group["n"]),
            *(rate(group[key]) if key in group else words.NONE for key in shares),
            *(measured(group[key]) if key in group else words.NONE for key in ratios),
        ]
        for name, group in part["groups"].items()
    ]
    head = ["Group", "Rows", *(word.name for word in (*shares.values(), *ratios.values()))]
    return table(head, rows, numbers=(1,))


def _reference(part: Mapping[str, Any]) -> Markdown:
    compared = part.get("reference", {}).get("comparisons", {})
    head = ("Group", *(word.name for word in words.REFERENCE_COMPARISONS.values()))
    return table(
        head,
        (
            (group, *(measured(found[name]) if name in found else words.NONE for name in words.REFERENCE_COMPARISONS))
            for group, found in compared.items()
        ),
    )


def _conditional(part: Mapping[str, Any]) -> Markdown:
    rows = [
        (column, measured(found["difference"]), _p_value(found.get("cmh", {})))
        for column, found in part.get("conditional", {}).items()
    ]
    return table(("Among rows alike in", "Difference", "p-value of no difference"), rows)


def _p_value(test: Mapping[str, Any]) -> str:
    found = test.get("p_value")
    if found is None:
        return f"undefined: {test.get('undefined', 'it was not tested')}"
    return "under 0.001" if found < 0.001 else words.number(found)


def _individual(part: Mapping[str, Any]) -> Markdown:
    found = part.get("individual", {})
    rows = [
        (word.name, measured(found[name]), _meaning(word)) for name, word in words.INDIVIDUAL.items() if name in found
    ]
    return table(("Measure", "Value", "What it says"), rows)


def _meaning(word: words.Words) -> str:
    return word.meaning + (f" ({word.better})" if word.better else "")
