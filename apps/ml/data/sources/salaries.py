"""Salaries whose causes and unfairness are known, because they are made here: a numeric label.

The structure, each arrow a term of the equations below (all noise is independent)::

    gender ──> part_time ──> weekly_hours ──────────────────┐
    gender ──> career_break ──> experience ─────────────────┤
    education, occupation, city, performance ───────────────┴──> fair_salary ──> salary as paid
    gender, origin ───────────────────────────────────────────────────────────────^

Two things are unfair, and by how much is a constant of this module: at an equal fair salary, women are paid the share
:data:`PAY_GAP_WOMEN` less and people of overseas origin :data:`PAY_GAP_OVERSEAS` less. `occupation` is chosen
differently by women and men, so that a model which is not shown the gender can learn part of the gap through it.

Every quantity is rounded when it is made, and later equations use the rounded value: last-digit differences between
mathematical libraries do not reach the rows.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

GENDERS: Final = {"female": 0.47, "male": 0.53}
ORIGINS: Final = {"domestic": 0.62, "regional": 0.22, "overseas": 0.16}
PAY_GAP_WOMEN: Final = 0.07
PAY_GAP_OVERSEAS: Final = 0.05
EDUCATION: Final = {"basic": 0.16, "vocational": 0.40, "bachelor": 0.28, "master": 0.16}
EDUCATION_FACTOR: Final = {"basic": 0.82, "vocational": 0.95, "bachelor": 1.12, "master": 1.32}
OCCUPATIONS_MEN: Final = {"engineering": 0.30, "sales": 0.22, "office": 0.14, "care": 0.08, "logistics": 0.26}
OCCUPATIONS_WOMEN: Final = {"engineering": 0.12, "sales": 0.24, "office": 0.30, "care": 0.26, "logistics": 0.08}
OCCUPATION_FACTOR: Final = {"engineering": 1.22, "sales": 1.04, "office": 0.98, "care": 0.90, "logistics": 0.92}
CITIES: Final = {"capital": 0.25, "large": 0.35, "small": 0.40}
CITY_FACTOR: Final = {"capital": 1.15, "large": 1.03, "small": 0.95}
MISSING_PERFORMANCE: Final = 0.06
MISSING_ORIGIN: Final = 0.03
BASE: Final = 27_000.0
"""Euros a year for 40 hours a week without experience, all factors 1."""


def generate_salaries(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` employees; the same arguments give the same rows.

    Returns
    -------
    Data frame [rows, 14]. `salary` is what is paid in euros a year, rounded to 10; `fair_salary` is what the same
    person would be paid without the two gaps.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    gender, origin = _draw(rng, GENDERS, rows), _draw(rng, ORIGINS, rows)
    women = gender == "female"
    age = np.floor(rng.triangular(19, 38, 66, rows))
    education = _draw(rng, EDUCATION, rows)
    break_years = np.where(rng.random(rows) < np.where(women, 0.35, 0.06), np.ceil(4 * rng.random(rows)), 0.0)
    experience = np.clip(age - 19 - _effect(education, _YEARS) - break_years - np.floor(3 * rng.random(rows)), 0, None)
    part_time = rng.random(rows) < np.where(women, 0.34, 0.09)
    hours = np.where(part_time, np.round(18 + 14 * rng.random(rows)), np.round(37 + 5 * rng.random(rows)))
    occupation = np.where(women, _draw(rng, OCCUPATIONS_WOMEN, rows), _draw(rng, OCCUPATIONS_MEN, rows))
    city = _draw(rng, CITIES, rows)
    performance = np.clip(np.round(3.2 + 0.8 * rng.standard_normal(rows), 1), 1, 5)
    manager = rng.random(rows) < 1 / (1 + np.exp(3.2 - 0.09 * experience - 0.3 * (performance - 3)))
    factor = (
        _effect(education, EDUCATION_FACTOR)
        * _effect(occupation, OCCUPATION_FACTOR)
        * _effect(city, CITY_FACTOR)
        * (1 + 0.022 * experience - 0.00025 * experience**2)
        * (1 + 0.04 * (performance - 3))
        * np.where(manager, 1.28, 1.0)
        * (0.6 + 0.01 * hours)
    )
    fair = np.round(BASE * factor * np.exp(0.09 * rng.standard_normal(rows)), -1)
    gap = (1 - PAY_GAP_WOMEN * women) * (1 - PAY_GAP_OVERSEAS * (origin == "overseas"))
    frame = pd.DataFrame(
        {
            "employee_id": [f"E{number:06d}" for number in range(1, rows + 1)],
            "gender": gender,
            "origin": origin,
            "age": age,
            "education": education,
            "experience_years": experience,
            "career_break_years": break_years,
            "weekly_hours": hours,
            "occupation": occupation,
            "city": city,
            "performance": performance,
            "manager": np.where(manager, "yes", "no"),
            "fair_salary": fair,
            "salary": np.round(fair * gap, -1),
        }
    )
    return _with_missing_values(rng, frame)


_YEARS: Final = {"basic": 0.0, "vocational": 1.0, "bachelor": 4.0, "master": 6.0}
"""Years of education after the age of 19."""


def _draw(rng: np.random.Generator, shares: dict[str, float], n: int) -> Texts:
    """Draw `n` names with the given shares."""
    bounds = np.cumsum(list(shares.values()))[:-1]
    return np.array(list(shares))[np.searchsorted(bounds, rng.random(n), side="right")]


def _effect(values: Texts, effects: dict[str, float]) -> Floats:
    """Return the number that belongs to each name."""
    return np.array([effects[value] for value in values.tolist()])


def _with_missing_values(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out some appraisals (more of the newly hired) and some origins."""
    n = len(frame)
    recent = frame["experience_years"].to_numpy() < 2
    no_performance = rng.random(n) < np.where(recent, 3 * MISSING_PERFORMANCE, MISSING_PERFORMANCE / 2)
    no_origin = rng.random(n) < MISSING_ORIGIN
    return frame.assign(performance=frame["performance"].mask(no_performance), origin=frame["origin"].mask(no_origin))
