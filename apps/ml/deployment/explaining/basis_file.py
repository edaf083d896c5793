"""The training basis as a file, for servers that have the model and not the training rows.

It holds at most 16 values per column that occur among the training rows, what changes cost, and, only for estimators
that are explained against rows, up to `background_rows` encoded training rows. It belongs to one bundle and says so.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from apps.ml.deployment.explaining.basis import Basis, decision_rule
from apps.ml.errors import BundleError
from apps.ml.evaluation.explanations.coded_rows import CodedRule
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reasons import ReasonFinder
from apps.ml.evaluation.explanations.reasons_given.score_gains import ReferenceValues
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.explanations.ways.counterfactuals import CounterfactualFinder
from apps.ml.evaluation.explanations.ways.possible_changes import PossibleChanges
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.bundle_files import read_exact_json, write_exact_json

FORMAT = 1


def write_basis(path: Path, basis: Basis, bundle_digest: str) -> None:
    """Write the basis of the bundle whose manifest has this digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    finder, ways = basis.finder, basis.ways
    content = {
        "format": FORMAT,
        "bundle": bundle_digest,
        "source": basis.source,
        "seed": basis.seed,
        "method": basis.method,
        "background": None if basis.background is None else basis.background.tolist(),
        "categories": None if ways is None else [list(names) for names in ways.coded.categories],
        "reasons": None if finder is None else _reasons(finder),
        "ways": None if ways is None else _ways(ways),
    }
    write_exact_json(path, content)


def read_basis(path: Path, bundle: ModelBundle, bundle_digest: str) -> Basis:
    """Inverse of :func:`write_basis`.

    Raises
    ------
    BundleError
        The file is of another bundle or format, or does not hold what a basis needs.
    """
    try:
        content = read_exact_json(path)
        if (content["format"], content["bundle"]) != (FORMAT, bundle_digest):
            raise _unusable(path)
        return _basis(content, bundle)
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(path) from error


def _basis(content: dict[str, Any], bundle: ModelBundle) -> Basis:
    background = content["background"]
    finder, ways, rule = None, None, decision_rule(bundle)
    if rule is not None:
        coded = CodedRule(rule, tuple(tuple(names) for names in content["categories"]))
        finder = None if content["reasons"] is None else _finder(content["reasons"], coded, rule)
        ways = CounterfactualFinder(coded, _changes(content["ways"]["changes"]), content["ways"]["most_changes"])
    return Basis(
        source=content["source"],
        background=None if background is None else np.array(background, dtype=np.float64),
        seed=content["seed"],
        finder=finder,
        ways=ways,
        method=content["method"],
    )


def _reasons(finder: ReasonFinder) -> dict[str, Any]:
    return {
        "drawn": finder.drawn,
        "most": finder.most,
        "may_be_given": finder.may_be_given.tolist(),
        "values": [_listed(values) for values in finder.reference.values],
        "shares": [shares.tolist() for shares in finder.reference.shares],
    }


def _finder(content: dict[str, Any], coded: CodedRule, rule: DecisionRule) -> ReasonFinder:
    values = ReferenceValues(
        tuple(_numbers(values) for values in content["values"]),
        tuple(np.array(shares, dtype=np.float64) for shares in content["shares"]),
    )
    if not len(values.values) == len(values.shares) == len(content["may_be_given"]) == len(rule.columns):
        raise ValueError("the columns differ")
    given = np.array(content["may_be_given"], dtype=np.bool_)
    return ReasonFinder(coded, np.empty((0, len(rule.columns))), content["drawn"], values, given, content["most"])


def _ways(ways: CounterfactualFinder) -> dict[str, Any]:
    changes = {
        name: [_listed(one) for one in value] if name == "values" else _listed(value)
        for name, value in asdict(ways.changes).items()
    }
    return {"most_changes": ways.most_changes, "changes": changes}


def _changes(content: dict[str, Any]) -> PossibleChanges:
    minimum, maximum = _numbers(content["minimum"]), _numbers(content["maximum"])
    return PossibleChanges(
        direction=np.array(content["direction"], dtype=np.int64),
        values=tuple(_numbers(values) for values in content["values"]),
        deviation=_numbers(content["deviation"]),
        whole=np.array(content["whole"], dtype=np.bool_),
        minimum=np.where(np.isnan(minimum), -np.inf, minimum),
        maximum=np.where(np.isnan(maximum), np.inf, maximum),
    )


def _listed(values: Any) -> list[Any]:
    """JSON has neither NaN nor infinity: both are null, and where they stand says which."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _numbers(values: list[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _unusable(path: Path) -> BundleError:
    return BundleError(f"{path} is no basis of explanations for this model. Write it anew where the model was trained.")
