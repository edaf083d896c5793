"""One look for all pictures, and one way to turn a drawing into stable bytes."""

import io
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

Colours = npt.NDArray[np.uint8]

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

SHADES = 32
"""Shades of red, green and blue that a picture tells apart when its palette is chosen."""

COMPRESSION = 6
"""zlib's middle way: a tenth larger than the smallest file and four times as fast."""

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

    places, palette = _with_palette(np.asarray(pixels, dtype=np.uint8)[..., :3])
    picture = Image.fromarray(places)
    picture.putpalette(palette.tobytes())
    stream = io.BytesIO()
    picture.save(stream, format="png", dpi=(DPI, DPI), compress_level=COMPRESSION)
    return stream.getvalue()


def _with_palette(pixels: Colours) -> tuple[Colours, Colours]:
    """Return the place of every pixel's colour [h, w] in a palette of the most frequent colours [at most 256, 3].

    Colours of the same shades are one colour, the last of them in the picture; paper and filled areas thus keep theirs.
    Rare colours, blends at the edges of lines and letters, take the nearest in the palette. Faster than the median cut
    by an order of magnitude.
    """
    red, green, blue = (pixels[..., channel].astype(np.uint16) * SHADES >> 8 for channel in range(3))
    keys = ((red * SHADES + green) * SHADES + blue).ravel()
    counts = np.bincount(keys, minlength=SHADES**3)
    present = np.flatnonzero(counts)
    last = np.zeros(SHADES**3, dtype=np.int64)
    last[keys] = np.arange(len(keys))
    colours = pixels.reshape(-1, 3)[last[present]]
    palette = colours[np.argsort(-counts[present], kind="stable")[:COLOURS]]
    distances = ((colours[:, None, :].astype(np.float32) - palette[None, :, :].astype(np.float32)) ** 2).sum(axis=2)
    places = np.zeros(SHADES**3, dtype=np.uint8)
    places[present] = distances.argmin(axis=1)
    return places[keys].reshape(pixels.shape[:2]), palette


def say_undefined(axes: "Axes", reason: str) -> None:
    """Write the reason in the middle of empty axes."""
    text = "\n".join(textwrap.wrap(f"undefined: {reason}", 48))
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def intervals(axes: "Axes", bounded: Sequence[tuple[float, float, float]], **style: Any) -> None:
    """Draw horizontal intervals (height, lower, upper) as one object."""
    if bounded:
        heights, lower, upper = zip(*bounded, strict=True)
        axes.hlines(heights, lower, upper, **style)


def dots(axes: "Axes", points: Sequence[tuple[float, float]], **style: Any) -> None:
    """Draw points (x, y) as one object above everything else, whole even at the border of the axes."""
    if points:
        x, y = zip(*points, strict=True)
        axes.plot(x, y, linestyle="", clip_on=False, zorder=5, **style)


def notes(axes: "Axes", heights: Sequence[float], text: str = "undefined") -> None:
    """Write a note in the middle of the axes at each of the heights."""
    look: Any = {"ha": "center", "va": "center", "fontsize": 8.5, "color": MUTED, "style": "italic"}
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 2.0}
    for height in heights:
        axes.text(0.5, height, text, transform=axes.get_yaxis_transform(), bbox=behind, **look)


def wrapped(name: str, width: int = 24, lines: int = 3) -> str:
    """Break a long name over a few lines; what does not fit is cut from the middle of the last, so that names that
    differ at their end still do."""
    parts = textwrap.wrap(name, width) or [name]
    if len(parts) > lines:
        rest, head = " ".join(parts[lines - 1 :]), width // 2
        parts = [*parts[: lines - 1], f"{rest[:head].rstrip()}…{rest[head + 1 - width :].lstrip()}"]
    return "\n".join(parts)


def largest(sizes: Mapping[str, int], most: int) -> list[str]:
    """Return the names of the `most` largest, in the order given; of equal ones the first."""
    kept = set(sorted(sizes, key=lambda name: -sizes[name])[:most])
    return [name for name in sizes if name in kept]


def left_out(shown: int, existing: int) -> str:
    """Return what a title adds where not all groups are in the picture."""
    return f" (the largest {shown} of {existing} groups)" if shown < existing else ""


def shares_on_axis(axis: Any) -> None:
    """Show numbers from 0 to 1 as percentages."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
