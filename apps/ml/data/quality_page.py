"""The data quality report as one page that opens offline, drawn from the declaration and data_quality.json alone."""

from pathlib import Path
from typing import Any

from apps.ml.data.declaration import Declaration
from apps.ml.data.label import described_label
from apps.ml.data.processed import REGRESSION

TEMPLATES = Path(__file__).parent / "templates"
MISSING_VALUE = "–"


def quality_page(declaration: Declaration, quality: dict[str, Any]) -> str:
    """Return the page as HTML without scripts and without anything from elsewhere.

    Parameters
    ----------
    quality: what :func:`apps.ml.data.preparation.prepare` measured.
    """
    # Only the stage that writes the page needs templates.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "number": number, "percent": percent}
    template = environment.get_template("data_quality.html.j2")
    return template.render(
        declaration=declaration,
        quality=quality,
        attributes=_columns_of_attributes(declaration),
        numeric=declaration.task == REGRESSION,
        label=described_label(declaration.label),
    )


def count(value: int) -> str:
    r"""Return a whole number with thin groups of three digits.

    Examples
    --------
    >>> count(30000)
    '30\u202f000'
    """
    return f"{value:,}".replace(",", "\u202f")


def number(value: float | None) -> str:
    r"""Return a number with four significant digits, whole parts in full; what cannot be told is a dash.

    Examples
    --------
    >>> number(0.123456), number(1234.56), number(40.0)
    ('0.1235', '1\u202f235', '40')
    """
    if value is None:
        return MISSING_VALUE
    if 1000 <= abs(value) < 1e15:
        return count(round(value))
    return f"{value:.4g}"


def percent(share: float | None) -> str:
    r"""Return a share as percent with one decimal; what is withheld is a dash.

    Examples
    --------
    >>> percent(0.6531), percent(None)
    ('65.3\u202f%', '–')
    """
    return MISSING_VALUE if share is None else f"{100 * share:.1f}\u202f%"


def _columns_of_attributes(declaration: Declaration) -> dict[str, str]:
    """Say in words what each sensitive attribute is made from."""
    return {
        name: f"from the column {rule.column}" if rule.column else f"intersection of {' and '.join(rule.intersection)}"
        for name, rule in declaration.sensitive.items()
    }
