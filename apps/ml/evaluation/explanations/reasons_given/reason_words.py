"""The words of a reason: those of the declaration, or plain ones made of the column's name; never a person's value."""

from collections.abc import Iterable, Sequence

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.reasons_given.reasons import Reason


def reason_in_words(reason: Reason, column: ColumnSchema) -> str:
    """Return a reason as a clause without a full stop.

    Declared words come first: `reason_low` or `reason_high` by the direction, else `reason`. A missing value is called
    not stated, whatever is declared, for nothing can be said about its size.

    Examples
    --------
    >>> income = ColumnSchema("annual_income", "numeric", reason_low="the income is too low for the loan")
    >>> reason_in_words(Reason("annual_income", "low", 0.4), income)
    'the income is too low for the loan'
    >>> reason_in_words(Reason("annual_income", "high", 0.4), income)
    'annual income is too high'
    """
    if reason.direction == "missing":
        return f"{_spoken(column.name)} is not stated"
    by_direction = {"low": column.reason_low, "high": column.reason_high, "category": ""}[reason.direction]
    return by_direction or column.reason or _plain(reason, column)


def reasons_in_words(reasons: Iterable[Reason], columns: Sequence[ColumnSchema]) -> list[str]:
    """Return reasons as clauses, in their order; two columns with the same words give one clause."""
    by_name = {column.name: column for column in columns}
    return list(dict.fromkeys(reason_in_words(reason, by_name[reason.column]) for reason in reasons))


def _plain(reason: Reason, column: ColumnSchema) -> str:
    name = _spoken(column.name)
    if column.kind == "categorical":
        return f"{name} as stated"
    if column.kind == "boolean":
        return f"{name}: {'no' if reason.direction == 'low' else 'yes'}"
    return f"{name} is too {reason.direction}"


def _spoken(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
