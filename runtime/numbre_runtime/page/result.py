"""What is read on a page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from numbre_runtime.pictures.picture import PictureSource

Box = tuple[int, int, int, int]
"""left, top, right, bottom in the upright picture's pixels; right and bottom lie just outside."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit on a page."""

    label: str
    """The digit."""
    confidence: float
    """How likely it is right, 0–1, as measured on composed pages."""
    box: Box
    """The box around its ink."""


@dataclass(frozen=True, slots=True)
class Separator:
    """A sign within a number or before it that is no digit."""

    text: str
    """A point, comma, colon, stroke or minus sign: one of `.,:/-`."""
    before: int
    """Which of the number's digits, counted from 0, follows it."""
    box: Box
    """The box around its ink."""


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together, with the separators between them."""

    digits: tuple[Digit, ...]
    """From left to right, at least one."""
    separators: tuple[Separator, ...] = ()
    """From left to right."""

    @property
    def text(self) -> str:
        """The number as it is written, separators and all, such as `1.250,00`.

        >>> box = (0, 0, 9, 20)
        >>> Number((Digit("3", 0.99, box), Digit("5", 0.99, box)), (Separator(",", 1, box),)).text
        '3,5'
        """
        marks = dict.fromkeys(range(len(self.digits)), "")
        for separator in self.separators:
            marks[separator.before] += separator.text
        return "".join(marks[index] + digit.label for index, digit in enumerate(self.digits))

    @property
    def confidence(self) -> float:
        """How likely all its digits are right, 0–1: the product of theirs."""
        return math.prod(digit.confidence for digit in self.digits)

    @property
    def box(self) -> Box:
        """The box around all its digits and separators."""
        boxes = [*(digit.box for digit in self.digits), *(separator.box for separator in self.separators)]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)


@dataclass(frozen=True, slots=True)
class Page:
    """All numbers on a page, in reading order."""

    width: int
    """Width of the upright picture in pixels."""
    height: int
    """Its height."""
    dark_ink: bool
    """True: dark ink on a lighter ground; False: light ink on a darker one."""
    lines: tuple[tuple[Number, ...], ...]
    """Lines from top to bottom, each with its numbers from left to right; no line is empty."""
    source: PictureSource | None = field(default=None, repr=False, compare=False)
    """The picture, as `read` got it; None where it is not kept."""
    left_out: tuple[Box, ...] = ()
    """Boxes of signs that are neither digits nor separators: letters, a plus, scribbles; a speck between two digits
    that may have been a point or a comma."""
    turned: int = 0
    """Degrees counter-clockwise, 0, 90, 180 or 270, by which the page was turned to read it; boxes are those of the
    picture as it came."""

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Every number, in reading order."""
        return tuple(number for line in self.lines for number in line)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Every digit, in reading order."""
        return tuple(digit for number in self.numbers for digit in number.digits)

    @property
    def text(self) -> str:
        """The numbers, parted by spaces, each line on a line of its own."""
        return "\n".join(" ".join(number.text for number in line) for line in self.lines)

    def to_pandas(self) -> pd.DataFrame:
        """A row for each number: line and number (from 1), text, confidence (0–1), left, top, right, bottom (pixels).

        Raises:
            ImportError: pandas is not installed.

        Example:
            >>> seven = Digit("7", 0.99, (10, 20, 30, 50))
            >>> Page(100, 100, True, ((Number((seven,)),),)).to_pandas()["text"].tolist()
            ['7']
        """
        import pandas as pd

        from numbre_runtime.csv_forms import PAGE_COLUMNS, page_cells

        rows = [cells[1:] for cells in page_cells("", self)]
        return pd.DataFrame(rows, columns=list(PAGE_COLUMNS[1:]))

    def _repr_png_(self) -> bytes | None:
        """Shows it in a notebook: the picture with every box and answer; None where the picture is not there."""
        from numbre_runtime.errors import ImageError
        from numbre_runtime.page.overlay import overlay_png

        if self.source is None:
            return None
        try:
            return overlay_png(self.source, self)
        except ImageError:
            return None

    def _repr_html_(self) -> str:
        """Shows it in a notebook: the picture with every box and answer, and the text."""
        from numbre_runtime.notebook import png_figure
        from numbre_runtime.text import html_text

        png = self._repr_png_()
        picture = png_figure(png, "the page", "max-width: 100%; max-height: 40em") if png else ""
        return f"{picture}<pre>{html_text(self.text) or 'no digits'}</pre>"
