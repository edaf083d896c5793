"""From the values of sensitive columns to the names of groups."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from apps.ml.data.declaration import Declaration, SensitiveAttribute
from apps.ml.data.processed import JOINED_BY, UNKNOWN_GROUP, Actionable, AttributeSchema


@dataclass(frozen=True)
class Groups:
    """Group names per row and attribute.

    `names`: str [n, attributes], `unknown` where the value is missing or belongs to no group. `grouped`: bool
    [n, attributes that name every group], False where a value is present and belongs to no group.
    """

    names: pd.DataFrame
    grouped: pd.DataFrame


def group_names(text: pd.DataFrame, frame: pd.DataFrame, declaration: Declaration) -> Groups:
    """Return the groups of every attribute whose columns are present, in the order of the declaration.

    `text` holds the values as read and `frame` the same rows in their types. Bands look at numbers; groups are matched
    with the text as read; without either, each category is a group.
    """
    names: dict[str, pd.Series] = {}
    grouped: dict[str, pd.Series] = {}
    for attribute in attributes_in_order(declaration):
        rule = declaration.sensitive[attribute]
        if rule.intersection and all(part in names for part in rule.intersection):
            names[attribute] = _joined([names[part] for part in rule.intersection])
        elif rule.column is not None and rule.column in frame.columns:
            whole = declaration.columns[rule.column].type == "integer"
            found = _groups_of_column(text[rule.column], frame[rule.column], rule, whole)
            names[attribute] = found.fillna(UNKNOWN_GROUP)
            if rule.groups and rule.other is None:
                grouped[attribute] = found.notna() | text[rule.column].isna()
    ordered = {attribute: names[attribute] for attribute in declaration.sensitive if attribute in names}
    return Groups(pd.DataFrame(ordered, index=text.index), pd.DataFrame(grouped, index=text.index))


def attributes_in_order(declaration: Declaration) -> list[str]:
    """Return attribute names so that the parts of an intersection come before it; those in a circle are left out."""
    ordered: list[str] = []
    waiting = list(declaration.sensitive)
    while ready := [name for name in waiting if set(declaration.sensitive[name].intersection) <= set(ordered)]:
        ordered += ready
        waiting = [name for name in waiting if name not in ready]
    return ordered


def attribute_schemas(declaration: Declaration, names: pd.DataFrame) -> tuple[AttributeSchema, ...]:
    """Describe each attribute: its source columns and the groups that occur in `names`, in display order.

    Declared groups come in the order of the declaration, bands ascend, undeclared categories are sorted; then `other`,
    and `unknown` last.
    """
    return tuple(
        AttributeSchema(
            str(attribute), source_columns(declaration, str(attribute)), _occurring(declaration, str(attribute), names)
        )
        for attribute in names.columns
    )


def source_columns(declaration: Declaration, attribute: str) -> tuple[str, ...]:
    """Return the columns that an attribute is made from; for an intersection those of all its parts."""
    rule = declaration.sensitive[attribute]
    if rule.column is not None:
        return (rule.column,)
    columns = [column for part in rule.intersection for column in source_columns(declaration, part)]
    return tuple(dict.fromkeys(columns))


def sensitive_columns(declaration: Declaration) -> set[str]:
    """Return the columns that carry some sensitive attribute and are not declared to be features as well."""
    return {
        rule.column
        for rule in declaration.sensitive.values()
        if rule.column is not None and rule.feature_because is None
    }


def carrying_columns(declaration: Declaration) -> set[str]:
    """Return the columns that carry some sensitive attribute, whether they are features as well or not."""
    return {rule.column for rule in declaration.sensitive.values() if rule.column is not None}


def actionable(declaration: Declaration, name: str) -> Actionable:
    """Return what a person can do about a column.

    Nothing where it carries a sensitive attribute; nothing, unless declared otherwise, where it is a declared proxy.
    """
    column = declaration.columns[name]
    if name in carrying_columns(declaration):
        return "no"
    return column.actionable or ("no" if column.proxy_of else "any")


def band_names(bands: tuple[float, ...], whole: bool) -> tuple[str, ...]:
    """Return the names of the bands that ascending lower bounds make.

    Examples
    --------
    >>> band_names((25, 40), whole=True)
    ('<25', '25-39', '>=40')
    >>> band_names((0.5, 2.5), whole=False)
    ('<0.5', '0.5-<2.5', '>=2.5')
    """
    between = [_between(low, high, whole) for low, high in pairwise(bands)]
    return (f"<{bands[0]:g}", *between, f">={bands[-1]:g}")


def _between(low: float, high: float, whole: bool) -> str:
    if not whole or low % 1 or high % 1:
        return f"{low:g}-<{high:g}"
    return f"{low:g}" if high - low == 1 else f"{low:g}-{high - 1:g}"


def _groups_of_column(text: pd.Series, values: pd.Series, rule: SensitiveAttribute, whole: bool) -> pd.Series:
    if rule.bands:
        return _bands(values, rule.bands, whole)
    if rule.groups:
        return _matched(text, rule)
    if pd.api.types.is_numeric_dtype(values):
        return values.map({0.0: "false", 1.0: "true"}).astype("str")
    return values.astype("str")


def _bands(values: pd.Series, bands: tuple[float, ...], whole: bool) -> pd.Series:
    names = np.array(band_names(bands, whole), dtype=object)
    positions = np.searchsorted(np.array(bands, dtype=np.float64), values.to_numpy(), side="right")
    return pd.Series(names[positions], index=values.index, dtype="str").where(values.notna())


def _matched(text: pd.Series, rule: SensitiveAttribute) -> pd.Series:
    found = text.map({value: group for group, values in rule.groups.items() for value in values}).astype("str")
    return found if rule.other is None else found.mask(found.isna() & text.notna(), rule.other)


def _joined(parts: list[pd.Series]) -> pd.Series:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + JOINED_BY + part
    return joined


def _occurring(declaration: Declaration, attribute: str, names: pd.DataFrame) -> tuple[str, ...]:
    occurring = set(names[attribute].unique())
    return tuple(group for group in _display_order(declaration, attribute, names) if group in occurring)


def _display_order(declaration: Declaration, attribute: str, names: pd.DataFrame) -> tuple[str, ...]:
    rule = declaration.sensitive[attribute]
    if rule.column is None:
        order = [""]
        for position, part in enumerate(rule.intersection):
            groups = _occurring(declaration, part, names)
            order = [f"{start}{JOINED_BY if position else ''}{group}" for start in order for group in groups]
        return tuple(order)
    return tuple(dict.fromkeys([*_order_of_column(declaration, rule, names[attribute]), UNKNOWN_GROUP]))


def _order_of_column(declaration: Declaration, rule: SensitiveAttribute, names: pd.Series) -> list[str]:
    column = declaration.columns[str(rule.column)]
    if rule.bands:
        return list(band_names(rule.bands, column.type == "integer"))
    if rule.groups:
        return [*rule.groups, *([rule.other] if rule.other else [])]
    return [*column.categories, *(name for name in sorted(names.unique()) if name != UNKNOWN_GROUP)]
