"""Principal reasons of unfavourable decisions, for the Equal Credit Opportunity Act, Regulation B.

References
----------
12 CFR 1002.9(b)(2): a statement of reasons must be specific and indicate the principal reasons; Supplement I, comments
9(b)(2)-1 to -5: no more than four, related to factors actually scored, and two methods of selecting them.
"""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.documents.markdown import Markdown, escape_markdown, measured, rate, render_markdown, table
from apps.ml.evaluation.documents.words import NONE, count, spoken

SHOWN_BY_GROUP = 3
"""First reasons of each group that the table shows."""


def render_reg_b(record: Mapping[str, Any]) -> str:
    """Return method, frequency, faithfulness, stability and groups of reasons as Markdown; no person's values.

    Where there is no model, or nothing to give reasons for, the document says so and why.
    """
    reasons = record["explainability"].get("reasons") or {}
    why_not = _why_not(record, reasons)
    by_group = {} if why_not else reasons["by_group"]
    return render_markdown(
        "reg_b_reasons.md.j2",
        record,
        reasons=reasons,
        why_not=why_not,
        frequency=Markdown("") if why_not else _frequency(reasons),
        checks=Markdown("") if why_not else _checks(reasons),
        by_group=[(spoken(name), _by_group(part), _difference(part)) for name, part in by_group.items()],
    )


def _why_not(record: Mapping[str, Any], reasons: Mapping[str, Any]) -> str | None:
    if record["model"] is None:
        return (
            "not applicable: only decisions were handed in and no model, so the factors that were scored are not known"
        )
    if not reasons:
        return "no reasons are in the record"
    undefined: str | None = reasons.get("undefined")
    return None if undefined is None else f"undefined: {undefined}"


def _frequency(reasons: Mapping[str, Any]) -> Markdown:
    rows: list[tuple[Any, ...]] = [
        (one["column"], rate(one["first"]), rate(one["given"])) for one in reasons["reasons_by_frequency"]
    ]
    rows.append(("no column counts against the person", rate(reasons["without_reason"]), NONE))
    return table(("Factor", "First reason", "Among the reasons"), rows)


def _checks(reasons: Mapping[str, Any]) -> Markdown:
    faithful, stable = reasons["faithfulness"], reasons["stability"]
    rows = [
        ("Score moves, first reason made typical", measured(faithful["first_reason"]["mean_move"])),
        ("Score moves, another factor made typical", measured(faithful["random_other"]["mean_move"])),
        ("First reason moves it further by", measured(faithful["difference"]["mean_move"])),
        ("First reason moves it the favourable way", rate(faithful["first_reason"]["share_moved"])),
        ("All reasons made typical decide favourably", rate(faithful["all_reasons"]["share_decided_favourably"])),
        ("Overlap of reasons with another reference", measured(stable["mean_jaccard"])),
        ("Same first reason with another reference", rate(stable["first_agrees"])),
    ]
    return table(("Check", "Value"), rows)


def _by_group(part: Mapping[str, Any]) -> Markdown:
    head = ("Group", "Decisions examined", "Most frequent first reasons", "Without a reason")
    rows = [
        (
            name if group["judged"] else f"{name} (not judged)",
            count(group["n"]),
            _leading(group["first_reasons"]),
            rate(group["without_reason"]),
        )
        for name, group in part["groups"].items()
    ]
    return table(head, rows, numbers=(1,))


def _leading(first: list[Mapping[str, Any]]) -> Markdown:
    shown = [f"{escape_markdown(one['column'])} {rate(one['share'])}" for one in first[:SHOWN_BY_GROUP]]
    return Markdown("; ".join(shown) or NONE)


def _difference(part: Mapping[str, Any]) -> Markdown:
    found = part["difference"]
    if found["value"] is None:
        return measured(found)
    between = " and ".join(map(escape_markdown, found.get("between", []))) or "two groups"
    chance = f", by chance {found['expected_by_chance']:.3f}" if "expected_by_chance" in found else ""
    tested = f", p-value {found['p_value']:.3f}" if "p_value" in found else ""
    return Markdown(f"{measured(found)} between {between}{chance}{tested}")
