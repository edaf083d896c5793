"""The feature specification: what happens to every input column, resolved before a row is seen.

Defaults come from the kind of a column, overrides from `feature_engineering.columns`. A specification is plain JSON, so
that it can be stored inside the fitted transformer and read by people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from apps.ml.data.processed import ColumnSchema, ProcessedSchema
from apps.ml.errors import ParameterError
from apps.ml.features.choices import (
    BooleanChoice,
    CategoricalChoice,
    ColumnChoice,
    NumericChoice,
    choice_from_dict,
    choice_to_dict,
)
from apps.ml.parameters import ColumnOverride, FeatureEngineering
from apps.ml.validation_errors import nearest_name

SECTION = "feature_engineering"
TIMES = " × "
"""Stands between the two columns in the name of an interaction."""

OVERRIDES_BY_KIND: dict[str, dict[str, tuple[str, ...] | None]] = {
    "numeric": {
        "imputation": ("median", "mean", "most_frequent", "constant"),
        "fill_value": None,
        "missing_indicator": None,
        "scaling": None,
        "bins": None,
    },
    "boolean": {"imputation": ("most_frequent", "constant"), "fill_value": None, "missing_indicator": None},
    "categorical": {
        "imputation": ("category", "most_frequent"),
        "encoding": None,
        "rare_below": None,
        "missing_indicator": None,
    },
}
"""Kind of column → keys that may be overridden → accepted values, None where params.yaml's own check suffices."""


@dataclass(frozen=True)
class FeatureSpecification:
    """The resolved choices for every input column, the interactions and the selection.

    `uses_sensitive`: whether a column that carries a sensitive attribute is among the input columns.
    """

    columns: tuple[ColumnChoice, ...]
    interactions: tuple[tuple[str, str], ...] = ()
    selection: Literal["none", "variance", "mutual_information"] = "none"
    keep: int = 0
    uses_sensitive: bool = False

    def column_names(self) -> tuple[str, ...]:
        """Input columns in the order the transformer takes them."""
        return tuple(choice.name for choice in self.columns)

    def needs_labels(self) -> bool:
        """Whether fitting looks at the labels of the training rows."""
        encodes = any(isinstance(choice, CategoricalChoice) and choice.encoding == "target" for choice in self.columns)
        return encodes or self.selection == "mutual_information"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON content."""
        return {
            "columns": [choice_to_dict(choice) for choice in self.columns],
            "interactions": [list(pair) for pair in self.interactions],
            "selection": self.selection,
            "keep": self.keep,
            "uses_sensitive": self.uses_sensitive,
        }

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "FeatureSpecification":
        """Inverse of :meth:`to_dict`."""
        return FeatureSpecification(
            columns=tuple(choice_from_dict(choice) for choice in content["columns"]),
            interactions=tuple((first, second) for first, second in content["interactions"]),
            selection=content["selection"],
            keep=content["keep"],
            uses_sensitive=content["uses_sensitive"],
        )


def feature_specification(parameters: FeatureEngineering, schema: ProcessedSchema) -> FeatureSpecification:
    """Resolve params.yaml's section against the columns that `data_processing` promises.

    Raises
    ------
    ParameterError
        An override or interaction names a column that does not exist or is not used, an override makes no sense for
        the kind of its column, or no column is left. The message holds the key's full path.
    """
    for name, override in parameters.columns.items():
        _check_override(f"{SECTION}.columns.{name}", override, _column(name, schema))
    columns = input_columns(parameters, schema)
    choices = tuple(_choice(column, parameters) for column in columns)
    return FeatureSpecification(
        columns=choices,
        interactions=_checked_interactions(parameters, schema, choices),
        selection=parameters.selection.method,
        keep=parameters.selection.keep,
        uses_sensitive=any(column.sensitive for column in columns),
    )


def input_columns(parameters: FeatureEngineering, schema: ProcessedSchema) -> tuple[ColumnSchema, ...]:
    """Return the columns that the transformer takes: allowed by `use_sensitive` and not dropped."""
    dropped = {name for name, override in parameters.columns.items() if override.drop}
    columns = tuple(column for column in schema.feature_columns(parameters.use_sensitive) if column.name not in dropped)
    if not columns:
        raise ParameterError(
            f"{SECTION}.columns and {SECTION}.use_sensitive leave no column to learn from. Drop fewer columns."
        )
    return columns


def _column(name: str, schema: ProcessedSchema, path: str = "") -> ColumnSchema:
    for column in schema.columns:
        if column.name == name:
            return column
    hint = nearest_name(name, [column.name for column in schema.columns])
    raise ParameterError(
        f"{path or f'{SECTION}.columns.{name}'}: the data set '{schema.dataset}' has no column '{name}'{hint}. "
        "Name an existing column."
    )


def _check_override(path: str, override: ColumnOverride, column: ColumnSchema) -> None:
    accepted = OVERRIDES_BY_KIND[column.kind]
    for key in sorted(override.model_fields_set - {"drop"}):
        value = getattr(override, key)
        if value is None:
            continue
        if key not in accepted:
            raise ParameterError(
                f"{path}.{key}: makes no sense for the {column.kind} column '{column.name}'; "
                f"valid: drop, {', '.join(accepted)}. Remove the key."
            )
        values = accepted[key]
        if values is not None and value not in values:
            raise ParameterError(
                f"{path}.{key}: a {column.kind} column takes one of {', '.join(values)}. Choose one of them."
            )


def _choice(column: ColumnSchema, parameters: FeatureEngineering) -> ColumnChoice:
    override = parameters.columns.get(column.name, ColumnOverride())
    path = f"{SECTION}.columns.{column.name}"
    if column.kind == "numeric":
        return _numeric_choice(column, parameters, override, path)
    if column.kind == "boolean":
        return _boolean_choice(column, parameters, override, path)
    return _categorical_choice(column, parameters, override, path)


def _numeric_choice(
    column: ColumnSchema, parameters: FeatureEngineering, override: ColumnOverride, path: str
) -> NumericChoice:
    values = {**parameters.numeric.model_dump(), **_set_values(override)}
    _require_constant_for_fill_value(override, values["imputation"], path)
    if values["bins"] and override.scaling not in (None, "none"):
        raise ParameterError(
            f"{path}.scaling: bins replace the value, so nothing is left to scale. Remove one of them."
        )
    return NumericChoice(name=column.name, **values)


def _boolean_choice(
    column: ColumnSchema, parameters: FeatureEngineering, override: ColumnOverride, path: str
) -> BooleanChoice:
    values = {"missing_indicator": False, **parameters.boolean.model_dump(), **_set_values(override)}
    _require_constant_for_fill_value(override, values["imputation"], path)
    return BooleanChoice(name=column.name, **values)


def _categorical_choice(
    column: ColumnSchema, parameters: FeatureEngineering, override: ColumnOverride, path: str
) -> CategoricalChoice:
    values = {"missing_indicator": False, **parameters.categorical.model_dump(), **_set_values(override)}
    if values["missing_indicator"] and values["imputation"] == "category":
        raise ParameterError(
            f"{path}.missing_indicator: with imputation 'category' a missing value already has a feature of its own. "
            "Remove the key or choose imputation 'most_frequent'."
        )
    return CategoricalChoice(name=column.name, categories=column.categories, **values)


def _set_values(override: ColumnOverride) -> dict[str, Any]:
    return override.model_dump(exclude={"drop"}, exclude_none=True)


def _require_constant_for_fill_value(override: ColumnOverride, imputation: str, path: str) -> None:
    if override.fill_value is not None and imputation != "constant":
        raise ParameterError(
            f"{path}.fill_value: only imputation 'constant' uses it, and this column has '{imputation}'. "
            f"Set {path}.imputation to constant or remove the key."
        )


def _checked_interactions(
    parameters: FeatureEngineering, schema: ProcessedSchema, choices: Sequence[ColumnChoice]
) -> tuple[tuple[str, str], ...]:
    by_name = {choice.name: choice for choice in choices}
    seen: set[frozenset[str]] = set()
    for position, pair in enumerate(parameters.interactions):
        path = f"{SECTION}.interactions.{position}"
        for name in pair:
            _require_number(path, _column(name, schema, path), by_name.get(name))
        if frozenset(pair) in seen:
            raise ParameterError(f"{path}: the pair {TIMES.join(pair)} is given twice. Remove one of them.")
        seen.add(frozenset(pair))
    return parameters.interactions


def _require_number(path: str, column: ColumnSchema, choice: ColumnChoice | None) -> None:
    if choice is None:
        why = "is dropped" if not column.sensitive else "is sensitive, and use_sensitive is false (or it is dropped)"
        raise ParameterError(f"{path}: the column '{column.name}' {why}. Remove the pair.")
    if not isinstance(choice, NumericChoice):
        raise ParameterError(
            f"{path}: the column '{column.name}' is {choice.kind}; only numeric columns can be multiplied. "
            "Remove the pair."
        )
    if choice.bins:
        raise ParameterError(
            f"{path}: the column '{column.name}' is put into bins and has no value to multiply. "
            "Remove the pair or the bins."
        )
