"""The words and rules that every rendered document shares."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.ml.evaluation.documents import words

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def document_environment(**escaping: Any) -> "Environment":
    """Return a template environment in which a missing name is an error; `escaping` says how values are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - each document escapes for its own format
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, **escaping
    )
    environment.filters |= {
        "number": words.number,
        "figure": words.figure,
        "figure_interval": words.figure_interval,
        "percent": words.percent,
        "threshold": words.threshold,
        "count_of": words.count,
        "interval": words.interval,
        "spoken": words.spoken,
        "estimator": words.estimator,
    }
    return environment
