"""The section `feature_engineering`: how columns are encoded."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from apps.ml.parameters.values import Encoding, NumericImputation, Scaling, Section


class NumericFeatures(Section):
    """Defaults for numeric columns."""

    imputation: NumericImputation = "median"
    fill_value: float = 0.0
    missing_indicator: bool = True
    scaling: Scaling = "standard"
    bins: Annotated[int, Field(ge=0, le=256)] = 0


class CategoricalFeatures(Section):
    """Defaults for categorical columns."""

    imputation: Literal["category", "most_frequent"] = "category"
    encoding: Encoding = "one_hot"
    rare_below: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.01


class BooleanFeatures(Section):
    """Defaults for boolean columns."""

    imputation: Literal["most_frequent", "constant"] = "most_frequent"
    fill_value: float = 0.0


class ColumnOverride(Section):
    """What one column does differently from the defaults of its type; unset fields keep the default."""

    drop: bool = False
    imputation: Literal["median", "mean", "most_frequent", "constant", "category"] | None = None
    fill_value: float | None = None
    missing_indicator: bool | None = None
    scaling: Scaling | None = None
    bins: Annotated[int, Field(ge=0, le=256)] | None = None
    encoding: Encoding | None = None
    rare_below: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None


class FeatureSelection(Section):
    """Which encoded features are kept."""

    method: Literal["none", "variance", "mutual_information"] = "none"
    keep: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _keep_belongs_to_ranking(self) -> "FeatureSelection":
        if self.method == "mutual_information" and self.keep < 1:
            raise ValueError("mutual_information needs keep >= 1")
        return self


class FeatureEngineering(Section):
    """One specification that becomes one transformer."""

    use_sensitive: bool = False
    numeric: NumericFeatures = NumericFeatures()
    categorical: CategoricalFeatures = CategoricalFeatures()
    boolean: BooleanFeatures = BooleanFeatures()
    columns: dict[str, ColumnOverride] = {}
    interactions: tuple[tuple[str, str], ...] = ()
    selection: FeatureSelection = FeatureSelection()
