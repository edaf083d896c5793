"""A decision in plain words for the person: fixed sentences around what is stored, and nothing beside it."""

from collections.abc import Sequence

from apps.backend.decisions.answers import Appeal, Change, Decision, ToldDecision
from apps.backend.decisions.beside import beside
from apps.backend.decisions.reading import decision_of, decision_row
from apps.backend.decisions.reviewing import last_appeals
from apps.backend.identity.caller import Caller
from apps.backend.parts import Parts

MOST_APPEALS = 20
"""The last ones are told."""

WITHHELD = (
    "What counted most is not among these reasons: it is a protected trait or stands in for one, and is never given as "
    "a reason. The reasons are therefore incomplete. Ask for a person to look at the decision."
)
NO_REASONS = "No single part of the application is given as a reason."


async def told_decision(parts: Parts, caller: Caller, name: str) -> ToldDecision:
    """Return a decision of the caller's organisation in words; 404 where there is none."""
    async with parts.database.reading() as connection:
        row = await decision_row(connection, caller, name)
        decision = decision_of(row, (await beside(connection, [name]))[name])
        filed = await last_appeals(connection, name, MOST_APPEALS)
    return told(decision, filed)


def told(decision: Decision, filed: Sequence[Appeal] = ()) -> ToldDecision:
    """Return the words of a decision and of the appeals against it, the first of them first."""
    paragraphs = [
        _head(decision),
        _reasons(decision),
        _other_answer(decision),
        *map(_appeal, filed),
        _standing(decision),
    ]
    return ToldDecision(
        decision_id=decision.id,
        model=decision.model,
        version=decision.version,
        decided_at=decision.created_at,
        outcome=decision.outcome,
        outcome_words=decision.outcome_words,
        reasons=[reason.words for reason in decision.reasons or ()],
        text="\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n",
    )


def _head(decision: Decision) -> str:
    version = "" if decision.version is None else f", version {decision.version}"
    lines = [
        f"Decision {decision.id} of {_day(decision.created_at)}",
        f"The application was assessed by a computer program: the model “{decision.model}”{version}.",
    ]
    if decision.outcome is None:
        lines.append(f"It answered {decision.score:g}. {decision.undefined['outcome']}")
    else:
        lines.append(f"Its decision is {decision.outcome}: “{decision.outcome_words}”.")
    return "\n".join(lines)


def _reasons(decision: Decision) -> str | None:
    if decision.outcome is None:
        return None
    if decision.reasons:
        numbered = [f"{number}. {reason.words}" for number, reason in enumerate(decision.reasons, start=1)]
        lines = ["What weighed against it, the strongest first:", *numbered]
        return "\n".join([*lines, WITHHELD] if decision.strongest_withheld else lines)
    why = decision.undefined.get("reasons")
    if why is not None:
        return f"No reasons can be given: {_sentence(why)}"
    if decision.outcome == "favourable":
        return "Reasons are given for unfavourable decisions alone."
    return WITHHELD if decision.strongest_withheld else NO_REASONS


def _other_answer(decision: Decision) -> str | None:
    if decision.counterfactual is not None:
        changes = [_change(change) for change in decision.counterfactual.changes]
        return "\n".join(
            ["The decision would have been favourable with these values, and all others as they are:", *changes]
        )
    why = decision.undefined.get("counterfactual")
    return None if why is None else f"What would have led to the favourable decision cannot be told: {_sentence(why)}"


def _change(change: Change) -> str:
    value = change.value if isinstance(change.value, str) else f"{change.value:g}"
    return f"- {change.column}: {value}"


def _appeal(appeal: Appeal) -> str:
    filed = f"An appeal was filed on {_day(appeal.filed_at)}."
    if appeal.answer is None:
        return f"{filed} It is not answered yet."
    verdict = "upheld" if appeal.answer.upheld else "not upheld"
    return (
        f"{filed} It was answered on {_day(appeal.answer.answered_at)} and {verdict}: {_sentence(appeal.answer.words)}"
    )


def _standing(decision: Decision) -> str:
    standing = decision.standing
    if standing.by == "person":
        return (
            f"A person decided on {_day(standing.at)}, and this decision stands: {standing.outcome}, "
            f"“{standing.outcome_words}”."
        )
    return "No person has decided otherwise. An appeal can be filed under the number of the decision."


def _sentence(words: str) -> str:
    """Return words with an end; they are somebody's and are not changed otherwise."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _day(moment: str) -> str:
    return moment.partition("T")[0]
