"""The basis of explanations as a file, which travels with a version for servers that do not hold its training rows.

It holds no row of anybody: at most 17 values per column of reference applicants with their shares, values to which a
column can be changed and what that costs, and, for estimators that are explained exactly against rows, mean and
deviation of every encoded feature. Each value occurs among the training rows; nothing tells which belong together. The
file belongs to one bundle and says so.

==========  =========================================================================================================
format      number of this layout
bundle      sha256 of the manifest of the bundle that it belongs to
source      where the basis comes from, in words
seed        of what is drawn
method      how reasons are chosen, in words
background  null, or `name` (what it stands for), and `mean` and `deviation` of every encoded feature
categories  per input column the categories that are known, empty for numbers; null where nothing is decided
reasons     null, or `drawn` (how many applicants), `most` reasons, and per column `may_be_given`, `values`, `shares`
ways        null, or `most_changes` and per column what :class:`PossibleChanges` holds
==========  =========================================================================================================

Format 1, which servers may still keep, held encoded rows in a list as `background`.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from apps.ml.errors import BundleError
from apps.ml.evaluation.explanations.basis import Background, Basis
from apps.ml.evaluation.explanations.coded_rows import CodedRule
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reasons import ReasonFinder
from apps.ml.evaluation.explanations.reasons_given.score_gains import ReferenceValues
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.explanations.ways.counterfactuals import CounterfactualFinder
from apps.ml.evaluation.explanations.ways.possible_changes import PossibleChanges
from apps.ml.models.bundle_files import write_exact_json

FORMAT = 2
READABLE_FORMATS = (1, 2)
UNREADABLE = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What content of another shape raises where it is read."""


@dataclass(frozen=True)
class StoredReasons:
    """What a :class:`ReasonFinder` is made of beside its rule."""

    drawn: int
    most: int
    may_be_given: tuple[bool, ...]
    reference: ReferenceValues


@dataclass(frozen=True)
class StoredWays:
    """What a :class:`CounterfactualFinder` is made of beside its rule."""

    changes: PossibleChanges
    most_changes: int


@dataclass(frozen=True)
class StoredBasis:
    """A basis that was read and fits the columns of its bundle, without the rule that it is put to."""

    source: str
    background: Background | None
    seed: int
    method: str
    categories: tuple[tuple[str, ...], ...] | None
    reasons: StoredReasons | None
    ways: StoredWays | None

    def of_rule(self, rule: DecisionRule | None) -> Basis:
        """Return the basis; `rule`: what is served, None where nothing is decided."""
        finder, ways = None, None
        if rule is not None and self.categories is not None:
            coded = CodedRule(rule, self.categories)
            if self.reasons is not None:
                own, pool = self.reasons, np.empty((0, len(rule.columns)))
                given = np.array(own.may_be_given, dtype=np.bool_)
                finder = ReasonFinder(coded, pool, own.drawn, own.reference, given, own.most)
            if self.ways is not None:
                ways = CounterfactualFinder(coded, self.ways.changes, self.ways.most_changes)
        return Basis(self.source, self.background, self.seed, finder, ways, self.method)


def write_basis(path: Path, basis: Basis, bundle_digest: str) -> None:
    """Write the basis of the bundle whose manifest has this digest; the same basis gives the same bytes.

    Of the background the moments are written and never the rows.
    """
    finder, ways = basis.finder, basis.ways
    content = {
        "format": FORMAT,
        "bundle": bundle_digest,
        "source": basis.source,
        "seed": basis.seed,
        "method": basis.method,
        "background": None if basis.background is None else _background(basis.background),
        "categories": None if ways is None else [list(names) for names in ways.coded.categories],
        "reasons": None if finder is None else _reasons(finder),
        "ways": None if ways is None else _ways(ways),
    }
    write_exact_json(path, content)


def read_basis(content: bytes, name: str, columns: int, bundle_digest: str) -> StoredBasis:
    """Read what :func:`write_basis` wrote.

    Parameters
    ----------
    name
        What the file is called in messages.
    columns
        Number of the bundle's input columns.

    Raises
    ------
    BundleError
        The file is of another bundle or format, or does not hold what a basis needs.
    """
    try:
        found = json.loads(content)
        if found["format"] not in READABLE_FORMATS or found["bundle"] != bundle_digest:
            raise ValueError("another format or bundle")
        return _stored(found, columns)
    except UNREADABLE as error:
        raise BundleError(
            f"{name} is no basis of explanations for this model. Write it anew where the model was trained."
        ) from error


def _stored(content: dict[str, Any], columns: int) -> StoredBasis:
    categories = None
    if content["categories"] is not None:
        categories = tuple(tuple(map(str, names)) for names in content["categories"])
        _require(len(categories) == columns)
    reasons, ways = content["reasons"], content["ways"]
    _require((reasons is None or ways is not None) and (ways is None) == (categories is None))
    return StoredBasis(
        source=str(content["source"]),
        background=_stored_background(content["background"]),
        seed=int(content["seed"]),
        method=str(content["method"]),
        categories=categories,
        reasons=None if reasons is None else _stored_reasons(reasons, columns),
        ways=None if ways is None else StoredWays(_changes(ways["changes"], columns), int(ways["most_changes"])),
    )


def _background(background: Background) -> dict[str, Any]:
    two = background.moments()
    mean = two.rows.mean(axis=0)
    return {"name": two.name, "mean": mean.tolist(), "deviation": (two.rows[1] - mean).tolist()}


def _stored_background(content: Any) -> Background | None:
    if content is None:
        return None
    if isinstance(content, list):
        rows = np.array(content, dtype=np.float64)
        _require(rows.ndim == 2)
        return Background(rows)
    mean, deviation = np.array(content["mean"], dtype=np.float64), np.array(content["deviation"], dtype=np.float64)
    _require(mean.ndim == 1 and mean.shape == deviation.shape)
    return Background(np.stack([mean - deviation, mean + deviation]), str(content["name"]))


def _reasons(finder: ReasonFinder) -> dict[str, Any]:
    return {
        "drawn": finder.drawn,
        "most": finder.most,
        "may_be_given": finder.may_be_given.tolist(),
        "values": [_listed(values) for values in finder.reference.values],
        "shares": [shares.tolist() for shares in finder.reference.shares],
    }


def _stored_reasons(content: dict[str, Any], columns: int) -> StoredReasons:
    values = tuple(_numbers(values) for values in content["values"])
    shares = tuple(np.array(shares, dtype=np.float64) for shares in content["shares"])
    given = tuple(map(bool, content["may_be_given"]))
    _require(len(values) == len(shares) == len(given) == columns)
    _require(all(one.shape == other.shape for one, other in zip(values, shares, strict=True)))
    return StoredReasons(int(content["drawn"]), int(content["most"]), given, ReferenceValues(values, shares))


def _ways(ways: CounterfactualFinder) -> dict[str, Any]:
    changes = {
        name: [_listed(one) for one in value] if name == "values" else _listed(value)
        for name, value in asdict(ways.changes).items()
    }
    return {"most_changes": ways.most_changes, "changes": changes}


def _changes(content: dict[str, Any], columns: int) -> PossibleChanges:
    minimum, maximum = _numbers(content["minimum"]), _numbers(content["maximum"])
    found = PossibleChanges(
        direction=np.array(content["direction"], dtype=np.int64),
        values=tuple(_numbers(values) for values in content["values"]),
        deviation=_numbers(content["deviation"]),
        whole=np.array(content["whole"], dtype=np.bool_),
        minimum=minimum,
        maximum=maximum,
    )
    per_column = (found.direction, found.values, found.deviation, found.whole, minimum, maximum)
    _require(all(len(one) == columns for one in per_column))
    return replace(
        found,
        minimum=np.where(np.isnan(minimum), -np.inf, minimum),
        maximum=np.where(np.isnan(maximum), np.inf, maximum),
    )


def _listed(values: Any) -> list[Any]:
    """JSON has neither NaN nor infinity: both are null, and where they stand says which."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _numbers(values: list[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _require(is_sound: bool) -> None:
    if not is_sound:
        raise ValueError("the parts of the basis do not fit each other")
