"""The report: one self-contained page, rendered from the evidence record and its pictures."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.documents import words
from apps.ml.evaluation.documents.comparison_lines import compared
from apps.ml.evaluation.documents.group_columns import group_columns
from apps.ml.evaluation.documents.number_tables import withheld_because
from apps.ml.evaluation.documents.summary import headlines, limits
from apps.ml.evaluation.documents.templating import document_environment
from apps.ml.evaluation.plots.style import DPI, WIDTH, Plot
from apps.ml.evaluation.record.layout import task_of


@dataclass(frozen=True)
class Picture:
    """A plot as the page shows it: title, description, data address, and size in pixels."""

    title: str
    description: str
    address: str
    width: int
    height: int

    @property
    def inches(self) -> str:
        """Width as drawn; the page shows all pictures at one scale, so that their letters are of one size."""
        return f"{self.width / DPI:.3g}"

    @property
    def wide(self) -> bool:
        """Whether panels stand side by side, so that a phone scrolls rather than shrinks it."""
        return self.width > WIDTH * DPI + 1


def render_report(record: Mapping[str, Any], plots: Sequence[Plot]) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    record : mapping
        The evidence record.
    plots : sequence of Plot
        Those of :func:`~apps.ml.evaluation.plots.drawing.draw_all`; one that is missing is left out.
    """
    numbers = task_of(record) == REGRESSION
    return (
        document_environment(autoescape=True)
        .get_template("report_number.html.j2" if numbers else "report.html.j2")
        .render(
            record=record,
            numbers=numbers,
            withheld_because=withheld_because,
            headlines=headlines(record),
            limits=limits(record),
            pictures={plot.name: shown_picture(plot) for plot in plots},
            compared={name: compared(part) for name, part in record["fairness"].items()},
            shown_comparisons={key for part in record["fairness"].values() for key in part},
            group_columns=group_columns,
            words=words,
        )
    )


def shown_picture(plot: Plot) -> Picture:
    """Return a plot as a page shows it, its bytes inside the page."""
    width, height = (int.from_bytes(plot.png[start : start + 4], "big") for start in (16, 20))
    address = "data:image/png;base64," + base64.b64encode(plot.png).decode("ascii")
    return Picture(plot.title, plot.description, address, width, height)
