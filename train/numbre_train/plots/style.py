"""One style for every picture.

Colour-blind readers can tell all colours apart: those of curves are the Okabe–Ito palette (Okabe & Ito, "Color
Universal Design", 2008), maps have a single hue or diverge from white.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, RED, GREEN, PINK, SKY = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
SERIES = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
"""Colours of several curves or bars, in this order."""
LIGHT_GREEN = "#CDE8D5"
DPI = 120


def png(figure: Figure) -> bytes:
    """A figure as a PNG file; the same figure gives the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, in inches, without pyplot's global state or a window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def percent(value: float, _: float = 0) -> str:
    """A share as a tick label: 0.985 is "98.5%", 0.9 is "90%"."""
    return f"{value * 100:.4g}%"


def plain_log_axis(axes: Any) -> None:
    """Makes the y axis logarithmic, with plain numbers such as 0.02 at its ticks in place of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def picture(axes: Any, image: NDArray[Any], title: str, colour: str = "black", **options: Any) -> Any:
    """Draws an image without ticks under a small title."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=10, color=colour)
    return axes.imshow(image, **options)
