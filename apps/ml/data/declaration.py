"""A data set declaration: everything the product knows about one data set, in one YAML file and no Python.

docs/ml/datasets.md explains every key with examples. The classes here are the typed, frozen form of that file; a key
that is not declared here is refused with its full path.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from apps.ml.data.label import AnyLabel, ColumnName, Label, NumericLabel, Text
from apps.ml.data.processed import Actionable, Task
from apps.ml.parameters import Name, OpenShare, Section, Share

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _no_as_yaml_reads_it(value: Any) -> Any:
    """YAML takes an unquoted `no` for false."""
    return "no" if value is False else value


DeclaredActionable = Annotated[Actionable, BeforeValidator(_no_as_yaml_reads_it)]


class FileEntry(Section):
    """One original file.

    `path` is looked up below FAIRMIND_DATA_DIR, then below the repository, then in the download cache; `url` is where
    it can be fetched. `origin` names the part of a `given` split that its rows belong to.
    """

    path: Text
    sha256: Sha256
    url: Text | None = None
    origin: Text | None = None


class GeneratorSource(Section):
    """Rows made by a generator of this package; the same seed and number of rows give the same rows."""

    kind: Literal["generator"]
    generator: Name
    rows: Annotated[int, Field(ge=10)]
    seed: Annotated[int, Field(ge=0)]


class FilesSource(Section):
    """One or more CSV or Parquet files with pinned digests, read in order and put below each other."""

    kind: Literal["files"]
    files: Annotated[tuple[FileEntry, ...], Field(min_length=1)]


class OpenMLSource(Section):
    """A data set of OpenML by its number. `sha256` pins the ARFF or Parquet file that was fetched."""

    kind: Literal["openml"]
    data_id: Annotated[int, Field(ge=1)]
    sha256: Sha256


class SQLSource(Section):
    """Rows of a query. `url` is any SQLAlchemy address and may hold `${ENVIRONMENT_VARIABLES}`.

    `sha256` pins the canonical snapshot of the rows (`fairmind datasets fetch NAME` prints it); the query should order
    its rows.
    """

    kind: Literal["sql"]
    url: Text
    query: Text
    sha256: Sha256


Source = Annotated[GeneratorSource | FilesSource | OpenMLSource | SQLSource, Field(discriminator="kind")]


class Reading(Section):
    """How files are read. Values are read as text first; types come from `columns` of the declaration.

    `names`: column names for files without a header. `comment_lines`: whole lines that start with one of these are
    skipped. `strip_suffix`: column → characters removed from the end of its values.
    """

    format: Literal["csv", "parquet"] = "csv"
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    header: bool = True
    names: tuple[ColumnName, ...] = ()
    skip_initial_space: bool = False
    comment_lines: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("",)
    strip_suffix: dict[ColumnName, Text] = {}

    @model_validator(mode="after")
    def _names_without_header(self) -> "Reading":
        if self.format == "csv" and self.header == bool(self.names):
            raise ValueError("`names` are given exactly when `header` is false")
        return self


class Filter(Section):
    """Keep a row only if the value of `column` passes; a missing value never passes unless `keep_missing`."""

    column: ColumnName
    at_least: float | None = None
    at_most: float | None = None
    equals: Text | None = None
    is_not: Text | None = None
    is_in: tuple[Text, ...] | None = None
    keep_missing: bool = False
    reason: Text

    @model_validator(mode="after")
    def _some_condition(self) -> "Filter":
        if all(c is None for c in (self.at_least, self.at_most, self.equals, self.is_not, self.is_in)):
            raise ValueError("a filter needs a condition: at_least, at_most, equals, is_not or is_in")
        return self


class Column(Section):
    """What is promised about one column.

    `type`: integer and number become numeric features, boolean 0/1, category text; `date` and `identifier` never become
    features. `true_values` and `false_values` are read for booleans. `unique`: no value twice.
    `actionable`: what the person can do about the value; categories increase in their declared order. None: `no` for
    columns that carry a sensitive attribute and for declared proxies, else `any`. `proxy_of`: the sensitive attribute
    for which the column stands in, so that it is never given as a reason.
    `reason`, `reason_low`, `reason_high`: words for the reason of an unfavourable decision; `reason_low` where the
    value is too low (or false), `reason_high` where it is too high (or true), `reason` where neither is declared.
    """

    type: Literal["integer", "number", "boolean", "category", "date", "identifier"]
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    true_values: tuple[str, ...] = ("true", "True", "1", "yes")
    false_values: tuple[str, ...] = ("false", "False", "0", "no")
    missing_at_most: Share = 0.0
    unique: bool = False
    actionable: DeclaredActionable | None = None
    proxy_of: Name | None = None
    reason: Text | None = None
    reason_low: Text | None = None
    reason_high: Text | None = None


class SensitiveAttribute(Section):
    """One sensitive attribute, made from one column or, with `intersection`, from other attributes.

    `groups`: group name → values (categories). A value in no group belongs to `other` if that is set, else it is an
    error. `bands`: ascending lower bounds of a numeric column: [25, 40] gives `<25`, `25-39` (whole numbers), `>=40`.
    Neither: every category is a group. A missing value is always the group `unknown`.
    `feature_because`: the column may also enter the model, and why; without it only
    `feature_engineering.use_sensitive` lets it in.
    """

    column: ColumnName | None = None
    groups: dict[Text, tuple[str, ...]] = {}
    other: Text | None = None
    bands: tuple[float, ...] = ()
    intersection: tuple[Name, ...] = ()
    feature_because: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SensitiveAttribute":
        if (self.column is None) == (not self.intersection):
            raise ValueError("a sensitive attribute names either a column or an intersection of attributes")
        if self.groups and self.bands:
            raise ValueError("a sensitive attribute has groups or bands, not both")
        if any(later <= earlier for earlier, later in zip(self.bands, self.bands[1:], strict=False)):
            raise ValueError("bands must ascend")
        if len(self.intersection) == 1:
            raise ValueError("an intersection needs at least two attributes")
        return self


class Split(Section):
    """How rows are divided into train, validation and test.

    `random`: stratified by the label. `given`: test rows are those whose file `origin` (or value of `column`) is in
    `test_values`; validation is drawn from the rest, stratified. `group`: all rows with the same value of `column` stay
    together. `time`: the earliest rows by `column` train, the latest test; equal times stay together.
    `test` and `validation` are shares of all rows (for `given`: `validation` is a share of the rows that are not test).
    """

    method: Literal["random", "given", "group", "time"]
    test: OpenShare | None = None
    validation: OpenShare = 0.15
    column: ColumnName | None = None
    test_values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "Split":
        if self.method == "given":
            if not self.test_values or self.test is not None:
                raise ValueError("a given split names `test_values` and no share `test`")
        elif self.test is None or self.test_values:
            raise ValueError(f"a {self.method} split needs the share `test` and no `test_values`")
        elif self.test + self.validation >= 1:
            raise ValueError("test and validation leave no rows to train on")
        if self.method in ("group", "time") and self.column is None:
            raise ValueError(f"a {self.method} split needs `column`")
        return self


class Expectations(Section):
    """Promises about the table as a whole. `unique`: sets of columns whose values together appear once."""

    rows_at_least: Annotated[int, Field(ge=1)] = 10
    rows_at_most: Annotated[int, Field(ge=1)] | None = None
    unique: tuple[tuple[ColumnName, ...], ...] = ()


class Quarantine(Section):
    """Rows that break a promise about single values may be set aside if they are at most this share of all rows."""

    at_most: OpenShare


class Declaration(Section):
    """One data set; :class:`EventDeclaration` or :class:`NumberDeclaration`, as its task says."""

    name: Name
    title: Text
    description: Text
    licence: Text
    known_faults: tuple[Text, ...] = ()
    task: Task
    source: Source
    reading: Reading = Reading()
    filters: tuple[Filter, ...] = ()
    label: AnyLabel
    columns: Annotated[dict[ColumnName, Column], Field(min_length=1)]
    leave_out: dict[ColumnName, Text] = {}
    held_out: dict[ColumnName, Text] = {}
    sensitive: Annotated[dict[Name, SensitiveAttribute], Field(min_length=1)]
    splits: Annotated[dict[Name, Split], Field(min_length=1)]
    default_split: Name
    expectations: Expectations = Expectations()
    quarantine: Quarantine | None = None

    @model_validator(mode="after")
    def _names_exist(self) -> "Declaration":
        known = set(self.columns)
        if self.label.column in known:
            raise ValueError("the label column is declared under `label`, not under `columns`")
        missing = [name for name in (*self.leave_out, *self.held_out) if name not in known]
        if missing:
            raise ValueError(f"leave_out and held_out name undeclared columns: {', '.join(missing)}")
        for name, column in self.columns.items():
            if column.proxy_of is not None and column.proxy_of not in self.sensitive:
                raise ValueError(
                    f"column '{name}': proxy_of names the attribute '{column.proxy_of}', which does not exist"
                )
        for name, attribute in self.sensitive.items():
            if attribute.column is not None and attribute.column not in known:
                raise ValueError(f"sensitive attribute '{name}' names the undeclared column '{attribute.column}'")
            unknown = [part for part in attribute.intersection if part not in self.sensitive]
            if unknown or name in attribute.intersection:
                raise ValueError(
                    f"intersection '{name}' names attributes that do not exist: {', '.join(unknown) or name}"
                )
        if self.default_split not in self.splits or "default" in self.splits:
            raise ValueError("`default_split` names one of `splits`; no split may be called `default`")
        return self


class EventDeclaration(Declaration):
    """A data set whose label is an event."""

    task: Literal["binary_classification"]
    label: Label


class NumberDeclaration(Declaration):
    """A data set whose label is a number."""

    task: Literal["regression"]
    label: NumericLabel


DECLARATIONS: Mapping[Task, type[Declaration]] = MappingProxyType(
    {"binary_classification": EventDeclaration, "regression": NumberDeclaration}
)
"""Task → the form of its declaration."""
