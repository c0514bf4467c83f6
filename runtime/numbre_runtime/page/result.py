"""What is read on a page."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]
"""left, top, right, bottom in the upright picture's pixels; right and bottom lie just outside."""


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit on a page."""

    label: str
    """The digit."""
    confidence: float
    """Its score, 0–1 (higher is surer)."""
    box: Box
    """The box around its ink."""


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together."""

    digits: tuple[Digit, ...]
    """From left to right, at least one."""

    @property
    def text(self) -> str:
        """Its digits."""
        return "".join(digit.label for digit in self.digits)

    @property
    def confidence(self) -> float:
        """That of its least sure digit, 0–1."""
        return min(digit.confidence for digit in self.digits)

    @property
    def box(self) -> Box:
        """The box around all its digits."""
        lefts, tops, rights, bottoms = zip(*(digit.box for digit in self.digits), strict=True)
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
