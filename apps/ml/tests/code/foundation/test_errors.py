"""Errors carry facts, list every finding and end a command with a code that means something."""

import inspect

from apps.ml import errors
from apps.ml.errors import DataError, FairMindError, Finding, ServiceUnavailableError


def test_a_data_error_lists_every_finding() -> None:
    findings = [Finding("missing_column", "is not in the file", column="age"), Finding("range", "too large", rows=3)]
    message = str(DataError("2 promises are broken. Mend the file.", findings))
    assert "column 'age': is not in the file" in message
    assert "too large (3 rows)" in message


def test_a_service_that_does_not_answer_has_its_own_exit_code() -> None:
    assert ServiceUnavailableError("x").exit_code == 4
    assert DataError("x").exit_code == 2


def test_every_error_is_drawn_in_the_tree_of_the_docstring() -> None:
    raised = [name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, FairMindError)]
    assert [name for name in raised if name not in (errors.__doc__ or "")] == []
