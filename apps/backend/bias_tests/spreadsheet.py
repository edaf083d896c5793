"""A test's groups as CSV that a spreadsheet opens without running any of it.

Names of groups and columns come from files that anybody may have written. A cell that begins like a formula is made
text by an apostrophe before it, and every text stands in quotation marks.

References: OWASP, CSV Injection; RFC 4180.
"""

import csv
import io

from apps.backend.bias_tests.answers import BiasTest

MEDIA_TYPE = "text/csv; charset=utf-8"
STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
HEADER = ("metric", "verdict", "group", "rate", "value", "lower", "upper", "rows", "judged", "why")


def groups_as_csv(test: BiasTest) -> str:
    """Return one line for each metric and group, behind a header."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(HEADER)
    for name, result in test.results.items():
        for group, score in result.group_scores.items():
            lower, upper = score.interval or (None, None)
            numbers = (score.value, lower, upper, score.n)
            words = (str(score.judged).lower(), score.why)
            writer.writerow(
                [*map(inert, (name, result.verdict, group, result.rate)), *map(_number, numbers), *map(inert, words)]
            )
    return text.getvalue()


def inert(text: str | None) -> str:
    """Return a text that no spreadsheet takes for a formula, also where blanks stand before it; None as nothing."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(STARTS_OF_FORMULAS) or text.lstrip().startswith(STARTS_OF_FORMULAS) else text


def _number(number: float | None) -> float | str:
    return "" if number is None else number
