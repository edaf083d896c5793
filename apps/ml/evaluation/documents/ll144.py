"""New York City Local Law 144: selection rates and impact ratios by sex, race/ethnicity and both.

References
----------
Rules of the City of New York, title 6, §5-300 (definitions of category, impact ratio, selection rate, scoring rate),
§5-301(b) to (d) (what a bias audit calculates; the number of unknown; categories under 2 %), §5-303 (what is
published).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from apps.ml.evaluation.documents.markdown import Markdown, measured, rate, render_markdown, table
from apps.ml.evaluation.documents.outcomes import (
    Outcome,
    counted,
    is_weighted,
    outcomes,
    ratios_to_highest,
    scoring_ratios,
)
from apps.ml.evaluation.documents.words import count, percent, spoken
from apps.ml.evaluation.statistics.measurement import Measurement

SMALL_SHARE = Fraction(2, 100)
"""§5-301(d): a category with a smaller share of the persons whose category is known may be left out of the ratio."""

Kind = Literal["sex", "race", "intersection", "other"]

NAMED = {"sex": {"sex", "gender"}, "race": {"race", "races", "racial", "ethnicity", "ethnic"}}
"""Words in the name of an attribute or its column that tell what it is."""

HEAD = ("Category", "Persons", "Selected", "Selection rate", "Impact ratio")
LEFT_OUT = "left out: under 2 %"
SCORING_HEAD = ("Scoring rate", "Impact ratio of scoring rates")


@dataclass(frozen=True)
class Audited:
    """One attribute as the law's table shows it: what it is, the table, and the number of unknown."""

    name: str
    kind: Kind
    table: Markdown
    unknown: int
    excluded: tuple[str, ...]


def render_ll144(record: Mapping[str, Any], dated: str | None = None) -> str:
    """Return the summary of results as Markdown; it needs no labels. `dated`: when it was signed, else left to fill."""
    audited = [_audited(record, attribute) for attribute in record["data"]["attributes"]]
    kinds = {one.kind for one in audited}
    return render_markdown(
        "nyc_ll144.md.j2",
        record,
        sections=_sections(audited),
        missing=[kind for kind in ("sex", "race", "intersection") if kind not in kinds],
        small=percent(float(SMALL_SHARE), 0),
        persons=max((counted(record, one["name"]).rows for one in record["data"]["attributes"]), default=0),
        scored=any(
            "scoring_rate" in group for part in record["fairness"].values() for group in part["groups"].values()
        ),
        weighted=is_weighted(record),
        dated=dated,
    )


def kind_of(attribute: Mapping[str, Any]) -> Kind:
    """Tell from the declared names whether an attribute is sex, race/ethnicity, both crossed, or something else."""
    columns = attribute["columns"]
    tokens = {token for name in (attribute["name"], *columns) for token in re.split(r"[\W_]+", name.lower())}
    found = [kind for kind, words in NAMED.items() if tokens & words]
    if len(columns) > 2 or len(columns) > max(len(found), 1):
        return "other"
    if len(found) == 2:
        return "intersection"
    return "other" if not found else "sex" if found == ["sex"] else "race"


def _sections(audited: Sequence[Audited]) -> list[tuple[str, list[Audited]]]:
    titles: dict[Kind, str] = {
        "sex": "Sex",
        "race": "Race and ethnicity",
        "intersection": "Sex crossed with race and ethnicity",
        "other": "Other attributes",
    }
    found = [(title, [one for one in audited if one.kind == kind]) for kind, title in titles.items()]
    return [(title, ones) for title, ones in found if ones]


def _audited(record: Mapping[str, Any], attribute: Mapping[str, Any]) -> Audited:
    name = attribute["name"]
    everybody = outcomes(record, name)
    known = [one for one in everybody if not one.unknown]
    persons = sum(one.persons for one in known)
    excluded = [one.name for one in known if one.persons < SMALL_SHARE * persons]
    compared = [one.name for one in known if one.name not in excluded]
    ratios = ratios_to_highest(record, name, compared, record["inference"]["confidence"])
    scoring = _scoring_cells(record, name, known, compared)
    head = HEAD + SCORING_HEAD if scoring else HEAD
    rows = [[*_cells(one, ratios.get(one.name)), *scoring.get(one.name, ())] for one in known]
    return Audited(
        name=spoken(name),
        kind=kind_of(attribute),
        table=table(head, rows, numbers=(1, 2)),
        unknown=sum(one.persons for one in everybody if one.unknown),
        excluded=tuple(excluded),
    )


def _cells(one: Outcome, ratio: Measurement | None) -> list[Any]:
    return [one.name, count(one.persons), count(one.selected), rate(one.rate.to_dict()), _ratio(ratio)]


def _scoring_cells(
    record: Mapping[str, Any], attribute: str, known: Sequence[Outcome], compared: Sequence[str]
) -> dict[str, tuple[Any, Any]]:
    """Return scoring rate and its ratio to the highest per category; empty where a high score is no advantage."""
    groups = record["fairness"][attribute]["groups"]
    rates = {one.name: groups[one.name]["scoring_rate"] for one in known if "scoring_rate" in groups[one.name]}
    if not rates or record["decision"]["favourable"] == "negative":
        return {}
    ratios = scoring_ratios(record, attribute, compared, record["inference"]["confidence"])
    return {name: (rate(found), _ratio(ratios.get(name))) for name, found in rates.items()}


def _has_scoring_rates(record: Mapping[str, Any]) -> bool:
    return any("scoring_rate" in group for part in record["fairness"].values() for group in part["groups"].values())


def _ratio(found: Measurement | None) -> str:
    return LEFT_OUT if found is None else measured(found.to_dict())
