"""What an audit was asked for, checked before a row is read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import Literal

from apps.ml.data.processed import JOINED_BY
from apps.ml.errors import BadInputError
from apps.ml.evaluation.audit.chunks import plain_name
from apps.ml.evaluation.audit.limits import require_fixed_limits
from apps.ml.evaluation.audit.outcome_words import OutcomeWords, canonical
from apps.ml.parameters import Gate

ScoreScale = Literal["probability", "any"]

MISSING = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "<NA>", "?")
"""Texts that stand for a missing value, besides an empty field."""

MOST_ATTRIBUTES = 8
MOST_CONFIDENCE = 1 - 1e-9
"""Nearer to 1, intervals of many comparisons at once have no end."""


@dataclass(frozen=True)
class AuditOptions:
    """One audit.

    Parameters
    ----------
    path : Path of the CSV or Parquet file
    sensitive : columns that make groups, at least one
    words : OutcomeWords
        Which values of prediction and label are the positive event, and which outcome is favourable.
    prediction : column of decisions, or None where `threshold` makes them of `score`
    label, score, weight : columns, or None
    threshold : score from which on a row is predicted positive
    score_scale : "probability" (0 to 1), or "any": then only scoring rates are made of the scores
    conditions : columns within whose values decisions are compared once more
    bands : column → ascending lower bounds that put its numbers into bands
    intersections : how many attributes are crossed at most; 1 for none
    references : attribute → group that signed differences compare with; by default the largest
    minimum_group_size : rows a group needs to be judged
    confidence : of every interval
    missing : texts that stand for a missing value
    leave_out_missing : leave rows out that lack a prediction, label or score, instead of refusing the file
    separator, encoding : of a CSV file; the separator is found where it is None
    gates : None for :data:`~apps.ml.evaluation.audit.limits.DEFAULT_GATES`
    """

    path: Path
    sensitive: tuple[str, ...]
    words: OutcomeWords = field(default_factory=OutcomeWords)
    prediction: str | None = None
    label: str | None = None
    score: str | None = None
    weight: str | None = None
    threshold: float | None = None
    score_scale: ScoreScale = "probability"
    conditions: tuple[str, ...] = ()
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    intersections: int = 2
    references: Mapping[str, str] = field(default_factory=dict)
    minimum_group_size: int = 30
    confidence: float = 0.95
    missing: tuple[str, ...] = MISSING
    leave_out_missing: bool = False
    separator: str | None = None
    encoding: str = "utf-8"
    gates: tuple[Gate, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("prediction", "label", "score", "weight"):
            self._set(name, None if getattr(self, name) is None else plain_name(getattr(self, name)))
        for name in ("sensitive", "conditions"):
            self._set(name, tuple(plain_name(column) for column in getattr(self, name)))
        self._set("bands", {plain_name(column): bounds for column, bounds in self.bands.items()})
        self._set("references", {plain_name(name): plain_name(group) for name, group in self.references.items()})
        _require_decisions(self)
        _require_distinct_columns(self)
        _require_attributes(self)
        _require_bands(self)
        require_fixed_limits(self.gates or ())

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Sensitive columns and conditions, each once."""
        return tuple(dict.fromkeys((*self.sensitive, *self.conditions)))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that are read as text."""
        named = (self.prediction, self.label, *self.group_columns)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def number_columns(self) -> tuple[str, ...]:
        """Columns that are read as numbers."""
        return tuple(name for name in (self.score, self.weight) if name is not None)

    @property
    def missing_texts(self) -> tuple[str, ...]:
        """Texts that stand for a missing value; a value that names an outcome is never one."""
        return tuple(text for text in self.missing if canonical(text) not in self.words.named)

    @property
    def crossed(self) -> dict[str, tuple[str, ...]]:
        """Every attribute that is assessed: name shown → columns that are crossed, single ones first."""
        depth = min(self.intersections, len(self.sensitive))
        found = [names for size in range(1, depth + 1) for names in combinations(self.sensitive, size)]
        return {JOINED_BY.join(names): names for names in found}

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def score_scale_named(name: str) -> ScoreScale:
    """Return the scale of that name.

    Raises
    ------
    BadInputError
        There is none.
    """
    if name == "probability":
        return "probability"
    if name == "any":
        return "any"
    raise BadInputError(f"--score-scale '{name}' is unknown. Write probability or any.")


def _require_decisions(options: AuditOptions) -> None:
    if options.prediction is None and (options.score is None or options.threshold is None):
        raise BadInputError(
            "there are no decisions. Name their column with --prediction, or make them of scores with --score and "
            "--threshold."
        )
    if options.prediction is not None and options.threshold is not None:
        raise BadInputError("--prediction and --threshold both say what was decided. Leave one of them out.")
    if options.threshold is not None and not math.isfinite(options.threshold):
        raise BadInputError("--threshold is not a finite number. Write for instance 0.5.")


def _require_distinct_columns(options: AuditOptions) -> None:
    outcomes = {
        "--prediction": options.prediction,
        "--label": options.label,
        "--score": options.score,
        "--weight": options.weight,
    }
    seen: dict[str, str] = {}
    groups = [("--sensitive", name) for name in options.sensitive]
    conditions = [("--condition", name) for name in options.conditions if name not in options.sensitive]
    for option, name in [*outcomes.items(), *groups, *conditions]:
        if name is not None and name in seen:
            raise BadInputError(
                f"the column '{name}' is named by {seen[name]} and by {option}. Name a different column, or drop one "
                "of the options."
            )
        if name is not None:
            seen[name] = option


def _require_attributes(options: AuditOptions) -> None:
    if not 0.0 < options.confidence <= MOST_CONFIDENCE:
        raise BadInputError(
            "--confidence is a number between 0 and 1, not nearer to 1 than a billionth. Write for instance 0.95."
        )
    if not options.sensitive:
        raise BadInputError("there is no sensitive attribute. Name at least one column with --sensitive.")
    attributes = options.group_columns
    joining = next((name for name in attributes if JOINED_BY in f" {name} "), None)
    if joining is not None:
        raise BadInputError(
            f"the column name '{joining}' holds '{JOINED_BY.strip()}', which stands between the parts of an "
            "intersection. Rename the column."
        )
    if len(attributes) > MOST_ATTRIBUTES:
        raise BadInputError(
            f"{len(attributes)} sensitive columns and conditions are more than the {MOST_ATTRIBUTES} that one audit "
            "crosses. Name fewer."
        )
    for option, names in (("--bands", options.bands), ("--reference", options.references)):
        allowed = attributes if option == "--bands" else tuple(options.crossed)
        for name in names:
            if name not in allowed:
                raise BadInputError(f"{option} speaks of '{name}', which is none of {_listed(allowed)}. Mend the name.")


def _require_bands(options: AuditOptions) -> None:
    for name, bounds in options.bands.items():
        if any(low >= high for low, high in pairwise(bounds)):
            raise BadInputError(f"--bands {name}: lower bounds must ascend. Write them from the smallest on.")
        # A band is named by its bounds, which are written with six digits.
        if not all(math.isfinite(bound) and float(f"{bound:g}") == bound for bound in bounds):
            raise BadInputError(
                f"--bands {name}: a bound is not a finite number of at most six digits. Round it, or divide the "
                "column's numbers, by 1000 for instance."
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
