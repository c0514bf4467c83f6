"""One style for every picture.

Colours are a single-hue and a diverging map that colour-blind readers can tell apart, and the Okabe–Ito palette
(Okabe & Ito, "Color Universal Design", 2008).
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


def picture(axes: Any, image: NDArray[Any], title: str, colour: str = "black", **options: Any) -> Any:
    """Draws an image without ticks under a small title."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9, color=colour)
    return axes.imshow(image, **options)
