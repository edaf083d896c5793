"""EU AI Act, Annex IV: the parts of the technical documentation that the evidence record can speak for.

References
----------
Regulation (EU) 2024/1689, Annex IV, point 2(g): validation and testing, data used, metrics of accuracy and of
potentially discriminatory impacts, test logs and reports dated and signed; point 3: accuracy for persons and groups.
"""

from collections.abc import Mapping
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents.markdown import Markdown, held_together, measured, rate, render_markdown, table
from apps.ml.evaluation.documents.number_tables import (
    comparisons_table,
    groups_table,
    performance_table,
    undefined_comparisons,
)
from apps.ml.evaluation.documents.summary import limits
from apps.ml.evaluation.documents.words import (
    MAIN_COMPARISONS,
    NONE,
    PERFORMANCE,
    WORDS,
    count,
    favourable_words,
    spoken,
)
from apps.ml.evaluation.record.layout import task_of
from apps.ml.files import sha256_of_json

GROUP_ACCURACY = ("accuracy", "true_positive_rate", "false_positive_rate", "positive_predictive_value")
SECTIONS = ("performance", "fairness", "counts", "moments", "curves", "explainability", "truth", "gates")


def render_annex_iv(record: Mapping[str, Any], dated: str | None = None) -> str:
    """Return points 2(g) and 3 as Markdown; `dated`: when it was signed, else left for the signer to fill."""
    numbers = task_of(record) == REGRESSION
    impacts, undefined = (comparisons_table, undefined_comparisons) if numbers else (_impacts, _undefined)
    fairness = record["fairness"]
    return render_markdown(
        "eu_ai_act_annex_iv.md.j2",
        record,
        numbers=numbers,
        favourable=favourable_words(record["decision"]["favourable"]),
        performance=performance_table(record) if numbers else _performance(record),
        impacts=[(spoken(name), impacts(part), undefined(part)) for name, part in fairness.items()],
        accuracy=[
            (spoken(name), groups_table(part) if numbers else _accuracy(record, name))
            for name, part in fairness.items()
        ],
        limits_judged=_judged(record),
        logs=_logs(record),
        limits=limits(record),
        dated=dated,
    )


def _performance(record: Mapping[str, Any]) -> Markdown:
    found = record["performance"]
    rows = [(word.name, measured(found[name]), word.meaning) for name, word in PERFORMANCE.items() if name in found]
    return table(("Metric", "Value", "What it says"), rows)


def _impacts(part: Mapping[str, Any]) -> Markdown:
    rows = [
        (WORDS[name].name, measured(found), held_together(found), found.get("lowest", NONE), found.get("highest", NONE))
        for name, found in ((name, part[name]) for name in MAIN_COMPARISONS if name in part)
        if found["value"] is not None
    ]
    return table(("Metric", "Value", "Held together", "Lowest group", "Highest group"), rows)


def _undefined(part: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the comparisons without a value by the reason why."""
    found: dict[str, list[str]] = {}
    for name, word in MAIN_COMPARISONS.items():
        if name in part and part[name]["value"] is None:
            found.setdefault(part[name]["undefined"], []).append(word.name)
    return list(found.items())


def _accuracy(record: Mapping[str, Any], attribute: str) -> Markdown:
    groups = record["fairness"][attribute]["groups"]
    shown = [name for name in GROUP_ACCURACY if any(_defined(group.get(name)) for group in groups.values())]
    rows = [
        (
            name if group["judged"] else f"{name} (not judged: {group.get('why_not', NONE)})",
            count(group["n"]),
            *(rate(group[metric]) if metric in group else NONE for metric in shown),
        )
        for name, group in groups.items()
    ]
    return table(("Group", "Persons", *(WORDS[name].name for name in shown)), rows if shown else [], numbers=(1,))


def _judged(record: Mapping[str, Any]) -> Markdown:
    """Return what was said about every declared limit; nothing where none was judged before signing."""
    said = record["gates"] or {}
    rows = [
        (name, one["verdict"], one["reason"])
        for kind in ("gates", "guards", "policy")
        for name, one in (said.get(kind) or {}).items()
    ]
    return table(("Limit", "Verdict", "Why"), rows)


def _defined(found: Mapping[str, Any] | None) -> bool:
    return found is not None and found["value"] is not None


def _logs(record: Mapping[str, Any]) -> Markdown:
    rows = [("evidence record", Markdown(f"`{record['digest']}`"))]
    if record["model"] is not None:
        rows.append(("model bundle", Markdown(f"`{record['model']['bundle_sha256']}`")))
    if record["data"]["source_digest"]:
        rows.append(("data source", Markdown(f"`{record['data']['source_digest']}`")))
    rows += [
        (f"section {name} of the record", Markdown(f"`{sha256_of_json(record[name])}`"))
        for name in SECTIONS
        if record.get(name)
    ]
    return table(("What", "sha256"), rows)
