"""How pictures of numbers and pages are read: whole, digit by digit, and what is read where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from field.layout import FieldPicture

Reader = Callable[[Path], str]
"""Returns the text that is read in a picture."""


@dataclass(frozen=True)
class Comparison:
    """A reading beside its truth, digit by digit."""

    right: int
    """Digits of the truth that were read as they are."""
    missed: int
    """Digits of the truth that were read as another, or not at all."""
    extra: int
    """Digits that were read where the truth has none."""


def compare_digits(truth: str, answer: str) -> Comparison:
    """Aligns two strings of digits with the fewest edits (Levenshtein, 1966); of equals, the one with most matches.

    >>> compare_digits("735426", "35426")
    Comparison(right=5, missed=1, extra=0)
    >>> compare_digits("35", "315")
    Comparison(right=2, missed=0, extra=1)
    """
    # Each cell: edits, minus the matches, then insertions, so that the least tuple is the best alignment.
    row = [(count, 0, count) for count in range(len(answer) + 1)]
    for true in truth:
        before, row = row, [(row[0][0] + 1, row[0][1], row[0][2])]
        for index, read in enumerate(answer):
            edits, matches, extra = before[index]
            kept = (edits, matches - 1, extra) if true == read else (edits + 1, matches, extra)
            missing = (before[index + 1][0] + 1, *before[index + 1][1:])
            inserted = (row[index][0] + 1, row[index][1], row[index][2] + 1)
            row.append(min(kept, missing, inserted))
    _, matches, extra = row[-1]
    return Comparison(-matches, len(truth) + matches, extra)


@dataclass
class NumberScore:
    """Counts over pictures of numbers."""

    pictures: int = 0
    """How many there are."""
    whole: int = 0
    """Whose digits were all read, in order, and no others; separators and white space do not count."""
    blank: int = 0
    """In which no digit was read."""
    digits: int = 0
    """Digits that are there."""
    right: int = 0
    """Those that were read as they are."""
    extra: int = 0
    """Digits read where none is."""
    wrong: list[tuple[FieldPicture, str]] = field(default_factory=list)
    """Each picture that was not read whole, with what was read."""

    def line(self, name: str) -> str:
        """The figures as a line of the table whose head is `HEAD`."""
        return (
            f"{name:28}{self.pictures:>9,}{self.whole / self.pictures:>8.1%}{self.blank / self.pictures:>8.1%}"
            f"{self.digits:>8,}{self.right / self.digits:>8.1%}{self.extra / self.pictures:>14.2f}"
        )


HEAD = f"{'':28}{'pictures':>9}{'whole':>8}{'blank':>8}{'digits':>8}{'right':>8}{'extra/picture':>14}"
"""The head of the table of `NumberScore.line`."""


def score_numbers(reader: Reader, pictures: Iterable[FieldPicture]) -> NumberScore:
    """Reads each picture and compares the digits with the truth of its name."""
    score = NumberScore()
    for picture in pictures:
        truth, answer = digits_of(picture.truth), digits_of(reader(picture.path))
        compared = compare_digits(truth, answer)
        score.pictures += 1
        score.whole += truth == answer
        score.blank += not answer
        score.digits += len(truth)
        score.right += compared.right
        score.extra += compared.extra
        if truth != answer:
            score.wrong.append((picture, answer))
    return score


def digits_of(text: str) -> str:
    """The digits of a text, without all else."""
    return "".join(sign for sign in text if sign in "0123456789")
