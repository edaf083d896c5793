"""One look for all pictures, and one way to turn a drawing into stable bytes."""

import io
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
"""Okabe and Ito, "Color Universal Design", 2008."""

INK, MUTED, FAINT = "#1f2933", "#616e7c", "#d9dee4"
"""Text, secondary text and lines that should not speak."""

DPI = 130
NARROW, WIDTH, WIDE = 6.0, 7.2, 9.6
"""Inches: pictures that stand in pairs, alone, and those with panels side by side."""

COLOURS = 256
"""Entries of a picture's palette."""

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
}


@dataclass(frozen=True)
class Plot:
    """One picture: its file name without ending, title, description in words, and PNG bytes."""

    name: str
    title: str
    description: str
    png: bytes

    @property
    def file_name(self) -> str:
        """File name below reports/plots/."""
        return f"{self.name}.png"


def draw(
    name: str, title: str, description: str, height: float, paint: Callable[["Figure"], None], width: float = WIDTH
) -> Plot:
    """Let `paint` fill a figure of `width` × `height` inches and return it as stable PNG bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the tables of the report hold it in full.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure = Figure(figsize=(width, height), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.012, ha="left")
        paint(figure)
        canvas.draw()
    return Plot(name, title, description, _png(canvas.buffer_rgba()))


def _png(pixels: Any) -> bytes:
    """Encode with a palette, a third of the size of true colour, and without any metadata but the resolution."""
    from PIL import Image

    stream = io.BytesIO()
    picture = Image.fromarray(np.asarray(pixels)).convert("RGB")
    picture = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(stream, format="png", dpi=(DPI, DPI), optimize=True)
    return stream.getvalue()


def say_undefined(axes: "Axes", reason: str) -> None:
    """Write the reason in the middle of empty axes."""
    text = "\n".join(textwrap.wrap(f"undefined: {reason}", 48))
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def wrapped(name: str, width: int = 24, lines: int = 3) -> str:
    """Break a long name over a few lines; what does not fit ends in an ellipsis."""
    parts = textwrap.wrap(name, width) or [name]
    if len(parts) > lines:
        parts = [*parts[: lines - 1], parts[lines - 1][: width - 1] + "…"]
    return "\n".join(parts)


def shares_on_axis(axis: Any) -> None:
    """Show numbers from 0 to 1 as percentages."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
