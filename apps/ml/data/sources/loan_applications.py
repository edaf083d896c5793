"""Loan applications whose causes, unfairness and true repayment probabilities are known, because they are made here.

The structure, each arrow a term of the equations below (σ is the logistic function, all noise is independent)::

    gender ──────────┐
    origin ──┬───────┼──> annual_income ──> debt, instalment ──┐
    age ─────┼───────┘         │                               ├──> true_repayment_probability ──> repaid in truth
    education, employment ─────┴──> savings ───────────────────┤                                        │
    reliability (never seen) ──> late_payments ────────────────┘                                        v
    origin ──> neighbourhood_index (no arrow into repayment)                     origin ──────────> repaid as recorded

Three things are unfair, and by how much is a constant of this module:

- *Unequal incomes.* At equal education, employment and age, women earn :data:`INCOME_GAP_WOMEN` less and people of
  overseas origin :data:`INCOME_GAP_OVERSEAS` less. Income truly carries repayment: this gap is real, not an error.
- *Biased labels.* Of the loans that people of overseas origin did repay, the share :data:`UNRECORDED_OVERSEAS` is
  recorded as not repaid (their payments came through agents who kept poor books). Hence, for them,
  P(recorded as repaid | p) = (1 - UNRECORDED_OVERSEAS) · p, where p is the true probability; for all others it is p.
- *A proxy.* `neighbourhood_index` has no influence on repayment, but is lower by :data:`INDEX_GAP` points where people
  of a given origin live. A model that is not shown the origin can learn the biased labels back through it.

Every quantity is rounded when it is made, and later equations use the rounded value: last-digit differences between
mathematical libraries do not reach the rows.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

APPLY_TWICE: Final = 0.06
"""Share of people who apply a second time."""
GENDERS: Final = {"female": 0.48, "male": 0.52}
ORIGINS: Final = {"domestic": 0.44, "regional": 0.26, "overseas": 0.30}
INCOME_GAP_WOMEN: Final = 0.12
INCOME_GAP_OVERSEAS: Final = 0.08
UNRECORDED_OVERSEAS: Final = 0.10
INDEX_GAP: Final = {"domestic": 0.0, "regional": 5.0, "overseas": 22.0}
EDUCATION: Final = {"basic": 0.20, "vocational": 0.38, "bachelor": 0.28, "master": 0.14}
EMPLOYMENT: Final = {"permanent": 0.58, "temporary": 0.17, "self_employed": 0.13, "retired": 0.07, "none": 0.05}
PURPOSES: Final = {"car": 0.30, "home": 0.24, "education": 0.10, "debt": 0.20, "business": 0.08, "other": 0.08}
TERMS: Final = (12, 24, 36, 48, 60, 84)
FIRST_DAY: Final = np.datetime64("2022-01-01")
DAYS: Final = 3 * 365

INCOME_FACTOR: Final = {"basic": 0.78, "vocational": 0.94, "bachelor": 1.14, "master": 1.38}
PAY_FACTOR: Final = {"permanent": 1.08, "temporary": 0.80, "self_employed": 1.05, "retired": 0.72, "none": 0.42}
EDUCATION_EFFECT: Final = {"basic": -0.25, "vocational": 0.0, "bachelor": 0.15, "master": 0.25}
EMPLOYMENT_EFFECT: Final = {
    "permanent": 0.45,
    "temporary": -0.35,
    "self_employed": -0.15,
    "retired": 0.3,
    "none": -0.9,
}
PURPOSE_EFFECT: Final = {"car": 0.10, "home": 0.25, "education": 0.05, "debt": -0.40, "business": -0.30, "other": 0.0}
INTERCEPT: Final = 2.7


def generate_loan_applications(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` loan applications, ordered by date; the same arguments give the same rows.

    Returns
    -------
    Data frame [rows, 26]. `repaid` is "yes" or "no" as recorded; `true_repayment_probability` in (0, 1), four decimals,
    is the probability of the truth, before the recording of the label went wrong.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    people = _people(rng, rows - int(rows * APPLY_TWICE / (1 + APPLY_TWICE)))
    frame = _applications(rng, people, rows)
    frame = pd.concat([frame, _finances(rng, frame)], axis=1)
    frame = pd.concat([frame, _loans(rng, frame)], axis=1)
    probability = _true_repayment_probability(frame)
    frame = frame.assign(true_repayment_probability=probability, repaid=_recorded_label(rng, frame, probability))
    return _with_missing_values(rng, frame).drop(columns="reliability")


def _draw(rng: np.random.Generator, shares: dict[str, float], n: int) -> Texts:
    """Draw `n` names with the given shares."""
    bounds = np.cumsum(list(shares.values()))[:-1]
    return np.array(list(shares))[np.searchsorted(bounds, rng.random(n), side="right")]


def _effect(values: Texts, effects: dict[str, float]) -> Floats:
    """Return the number that belongs to each name."""
    return np.array([effects[value] for value in values.tolist()])


def _people(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Make what does not change between two applications of one person."""
    origin = _draw(rng, ORIGINS, n)
    index = np.round(62 - _effect(origin, INDEX_GAP) + 11 * rng.standard_normal(n), 1)
    return pd.DataFrame(
        {
            "applicant_id": [f"P{number:06d}" for number in range(1, n + 1)],
            "gender": _draw(rng, GENDERS, n),
            "origin": origin,
            "birth_age": np.floor(rng.triangular(19, 31, 76, n)),
            "education": _draw(rng, EDUCATION, n),
            "reliability": np.round(rng.standard_normal(n), 3),
            "neighbourhood_index": np.clip(index, 0, 100),
        }
    )


def _applications(rng: np.random.Generator, people: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Let every person apply once and some a second time, between half a year and two years later."""
    again = np.sort(rng.permutation(len(people))[: rows - len(people)])
    first = rng.integers(0, DAYS, len(people))
    first[again] = rng.integers(0, DAYS - 720, len(again))
    second = first[again] + rng.integers(180, 720, len(again))
    frame = people.iloc[np.concatenate([np.arange(len(people)), again])].reset_index(drop=True)
    day = np.concatenate([first, second])
    frame["application_date"] = FIRST_DAY + day.astype("timedelta64[D]")
    frame["age"] = (frame.pop("birth_age").to_numpy() + day // 365).astype(np.int64)
    frame = frame.sort_values(["application_date", "applicant_id"], kind="stable", ignore_index=True)
    frame.insert(0, "application_id", [f"A{number:06d}" for number in range(1, rows + 1)])
    return frame


def _finances(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Make employment, income, savings and debts, which depend on who the person is."""
    n, age = len(frame), frame["age"].to_numpy()
    employment = np.where(age >= 66, "retired", _draw(rng, EMPLOYMENT, n))
    employment = np.where((age < 58) & (employment == "retired"), "permanent", employment)
    income = _income(rng, frame, employment)
    reliability = frame["reliability"].to_numpy()
    working = ~np.isin(employment, ["retired", "none"])
    savings = income * 0.22 * np.exp(0.45 * reliability + 0.9 * rng.standard_normal(n))
    debt = income * 0.30 * np.exp(-0.30 * reliability + 0.8 * rng.standard_normal(n))
    years = np.round(rng.random(n) ** 1.5 * np.minimum(age - 18, 35), 1)
    return pd.DataFrame(
        {
            "employment": employment,
            "employment_years": np.where(working, years, np.nan),
            "annual_income": income,
            "household_size": 1 + rng.binomial(4, 0.32, n),
            "owns_home": rng.random(n) < np.clip(0.15 + 0.009 * (age - 20) + 0.15 * (income > 40_000), 0, 0.9),
            "savings": np.where(rng.random(n) < 0.12, 0, np.round(savings, -1)),
            "existing_debt": np.where(rng.random(n) < 0.25, 0, np.round(debt, -1)),
            "open_loans": rng.poisson(0.9, n),
            "late_payments": rng.poisson(np.exp(np.round(-0.55 - 0.75 * reliability, 3))),
            "existing_customer": rng.random(n) < 0.45,
        }
    )


def _income(rng: np.random.Generator, frame: pd.DataFrame, employment: Texts) -> Floats:
    """Yearly income, at least 6,000 and rounded to hundreds."""
    age = frame["age"].to_numpy()
    gaps = 1 - INCOME_GAP_WOMEN * (frame["gender"] == "female") - INCOME_GAP_OVERSEAS * (frame["origin"] == "overseas")
    level = _effect(frame["education"].to_numpy(), INCOME_FACTOR) * _effect(employment, PAY_FACTOR)
    career = 0.75 + 0.012 * (np.minimum(age, 52) - 19)
    income = 34_000 * level * career * gaps.to_numpy() * np.exp(0.33 * rng.standard_normal(len(frame)))
    return np.maximum(np.round(income, -2), 6_000)


def _loans(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Make what is applied for, and the monthly instalment at a yearly rate that rose from 4 to 7 per cent."""
    n, income = len(frame), frame["annual_income"].to_numpy()
    term = rng.choice(TERMS, n)
    need = 13_000 * np.sqrt(income / 34_000) * np.exp(0.65 * rng.standard_normal(n))
    amount = np.clip(np.round(need, -2), 1_000, 90_000)
    years = (frame["application_date"].to_numpy() - FIRST_DAY).astype(np.int64) / 365
    rate = np.round(0.04 + 0.01 * np.minimum(years, 3), 4)
    return pd.DataFrame(
        {
            "purpose": _draw(rng, PURPOSES, n),
            "loan_amount": amount,
            "term_months": term,
            "interest_rate": rate,
            "instalment": np.round(amount * (1 + rate * term / 24) / term, 1),
            "guarantor": rng.random(n) < 0.11,
        }
    )


def _true_repayment_probability(frame: pd.DataFrame) -> Floats:
    """Return P(repaid in truth | everything that causes it), four decimals; neither gender, origin nor index enter."""
    income = frame["annual_income"].to_numpy() / 12
    burden = frame["instalment"].to_numpy() / income
    logit = (
        INTERCEPT
        + 0.60 * frame["reliability"].to_numpy()
        - 0.75 * np.minimum(frame["late_payments"].to_numpy(), 5)
        - 6.0 * np.minimum(burden, 0.8)
        - 1.3 * np.minimum(frame["existing_debt"].to_numpy() / (12 * income), 2)
        + 0.48 * np.log1p(frame["savings"].to_numpy() / 1_000)
        + 0.45 * (np.log(income) - 7.8)
        + _effect(frame["education"].to_numpy(), EDUCATION_EFFECT)
        + _effect(frame["employment"].to_numpy(), EMPLOYMENT_EFFECT)
        + _effect(frame["purpose"].to_numpy(), PURPOSE_EFFECT)
        - 0.12 * frame["open_loans"].to_numpy()
        - 0.10 * frame["household_size"].to_numpy()
        + 0.25 * frame["owns_home"].to_numpy()
        + 0.80 * frame["guarantor"].to_numpy()
        - 12.0 * (frame["interest_rate"].to_numpy() - 0.05)
    )
    return np.clip(np.round(1 / (1 + np.exp(-logit)), 4), 0.0001, 0.9999)


def _recorded_label(rng: np.random.Generator, frame: pd.DataFrame, probability: Floats) -> Texts:
    """Draw the truth, then lose the record of some loans that people of overseas origin repaid."""
    repaid = rng.random(len(frame)) < probability
    lost = (frame["origin"].to_numpy() == "overseas") & (rng.random(len(frame)) < UNRECORDED_OVERSEAS)
    return np.where(repaid & ~lost, "yes", "no")


def _with_missing_values(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Blank values, some of them not at random: who is missing tells something."""
    n, income = len(frame), frame["annual_income"].to_numpy()
    withheld = 0.02 + 0.05 * (frame["employment"] == "self_employed") + 0.05 * (income < 18_000)
    chances: dict[str, npt.NDArray[np.floating]] = {
        "annual_income": withheld.to_numpy(),
        "savings": np.full(n, 0.04),
        "education": np.full(n, 0.02),
        "gender": np.full(n, 0.01),
        "origin": np.where(frame["origin"] == "overseas", 0.03, 0.01),
    }
    blanked = {name: frame[name].mask(rng.random(n) < chance) for name, chance in chances.items()}
    return frame.assign(**blanked)
