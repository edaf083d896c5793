"""Contradictions inside one declaration, found before any row is read."""

from collections import Counter
from collections.abc import Iterable, Iterator

from apps.ml.data.declaration import Column, Declaration, SensitiveAttribute, Split
from apps.ml.data.label import Label
from apps.ml.data.sensitive import attributes_in_order, carrying_columns
from apps.ml.errors import DeclarationError
from apps.ml.validation_errors import nearest_name

NUMERIC = ("integer", "number")
NO_FEATURE = ("date", "identifier")


def require_consistent(declaration: Declaration) -> None:
    """Raise a DeclarationError that lists every contradiction; return when there is none."""
    found = [*_label(declaration), *_columns(declaration), *_actions(declaration), *_reasons(declaration)]
    found += [*_attributes(declaration), *_splits(declaration), *_whole(declaration)]
    if found:
        listed = "".join(f"\n  - {line}" for line in found)
        raise DeclarationError(
            f"the declaration '{declaration.name}' contradicts itself; mend the keys named here:{listed}"
        )


def feature_columns(declaration: Declaration) -> dict[str, Column]:
    """Return the columns that are stored as features: neither left out nor held out, neither date nor identifier."""
    apart = {*declaration.leave_out, *declaration.held_out}
    return {
        name: column
        for name, column in declaration.columns.items()
        if name not in apart and column.type not in NO_FEATURE
    }


def _label(declaration: Declaration) -> Iterator[str]:
    label = declaration.label
    if not isinstance(label, Label):
        return
    if set(label.positive) & set(label.negative):
        yield "label: a value is both positive and negative"
    if label.share[0] > label.share[1]:
        yield "label.share: the lower bound is above the upper bound"


def _columns(declaration: Declaration) -> Iterator[str]:
    for name, column in declaration.columns.items():
        limits = [limit for limit in (column.minimum, column.maximum) if limit is not None]
        if limits and column.type not in NUMERIC:
            yield f"columns.{name}: minimum and maximum belong to integer and number"
        if len(limits) == 2 and limits[0] > limits[1]:
            yield f"columns.{name}: the minimum is above the maximum"
        if column.categories and column.type != "category":
            yield f"columns.{name}: categories belong to the type category"
        if column.type == "boolean" and set(column.true_values) & set(column.false_values):
            yield f"columns.{name}: a value is both true and false"


def _actions(declaration: Declaration) -> Iterator[str]:
    carrying = carrying_columns(declaration)
    for name, column in declaration.columns.items():
        key = f"columns.{name}.actionable"
        if column.actionable in (None, "no"):
            continue
        if name in carrying:
            yield f"{key}: a column that carries a sensitive attribute is never actionable; write `no` or nothing"
        if column.type in NO_FEATURE:
            yield f"{key}: a column of type {column.type} never becomes a feature; write `no` or nothing"
        if column.actionable != "any" and column.type == "category" and not column.categories:
            yield f"{key}: '{column.actionable}' needs `categories` in ascending order"


def _reasons(declaration: Declaration) -> Iterator[str]:
    carrying = carrying_columns(declaration)
    for name, column in declaration.columns.items():
        if name in carrying and column.proxy_of:
            yield f"columns.{name}.proxy_of: the column carries a sensitive attribute itself"
        worded = any((column.reason, column.reason_low, column.reason_high))
        if worded and (name in carrying or column.proxy_of):
            yield f"columns.{name}.reason: sensitive columns and their proxies are never given as a reason"
        if (column.reason_low or column.reason_high) and column.type not in (*NUMERIC, "boolean"):
            yield f"columns.{name}: reason_low and reason_high belong to integer, number and boolean; write `reason`"


def _attributes(declaration: Declaration) -> Iterator[str]:
    resolved = attributes_in_order(declaration)
    for name, rule in declaration.sensitive.items():
        if name not in resolved:
            yield f"sensitive.{name}: the intersection contains itself"
        elif rule.column is not None:
            yield from _attribute(f"sensitive.{name}", rule, declaration.columns[rule.column])
        elif rule.groups or rule.bands or rule.other or rule.feature_because:
            yield f"sensitive.{name}: an intersection has no groups, bands, other or feature_because of its own"


def _attribute(key: str, rule: SensitiveAttribute, column: Column) -> Iterator[str]:
    if rule.bands and column.type not in NUMERIC:
        yield f"{key}.bands: bands need an integer or number column"
    if not rule.bands and not rule.groups and column.type not in ("category", "boolean"):
        yield f"{key}: a column of type {column.type} needs bands or groups"
    if rule.other and not rule.groups:
        yield f"{key}.other: belongs to groups"
    values = [value for group in rule.groups.values() for value in group]
    if _repeated(values):
        yield f"{key}.groups: a value belongs to two groups"
    if column.categories and set(values) - set(column.categories):
        yield f"{key}.groups: a value is not among the declared categories of its column"


def _splits(declaration: Declaration) -> Iterator[str]:
    for name, split in declaration.splits.items():
        if split.method == "random" and split.column:
            yield f"splits.{name}: a random split has no column"
        if split.method == "time" and not _is_ordered(split, declaration):
            yield f"splits.{name}.column: a time split needs a declared column of type date, integer or number"


def _is_ordered(split: Split, declaration: Declaration) -> bool:
    column = declaration.columns.get(split.column or "")
    return column is not None and column.type in (*NUMERIC, "date")


def _whole(declaration: Declaration) -> Iterator[str]:
    for names in declaration.expectations.unique:
        for name in names:
            if name not in declaration.columns:
                yield f"expectations.unique: no column '{name}'{nearest_name(name, list(declaration.columns))}"
        if not names or _repeated(names):
            yield "expectations.unique: each set holds one or more different columns"
    both = set(declaration.leave_out) & set(declaration.held_out)
    if both:
        yield f"leave_out and held_out both name {', '.join(sorted(both))}"
    if not feature_columns(declaration):
        yield "columns: no column is left that could be a feature"


def _repeated(values: Iterable[str]) -> bool:
    return any(count > 1 for count in Counter(values).values())
