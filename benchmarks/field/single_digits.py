"""How pictures of one digit are read: right, wrong and accepted, not recognized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digits.readers import numbre
from digits.sheet import Mistake
from field.layout import FieldPicture
from numbre_runtime import Classifier


@dataclass(frozen=True)
class SingleScore:
    """Counts over pictures of one digit."""

    pictures: int
    """How many there are."""
    right: int
    """Whose digit was found, whatever the confidence."""
    accepted: int
    """Right, with a confidence that reaches the threshold."""
    wrong: int
    """Another digit, with a confidence that reaches the threshold: the mistakes that a user cannot see."""
    blank: int
    """In which nothing was found."""


def score_singles(classifier: Classifier, pictures: Sequence[FieldPicture]) -> tuple[SingleScore, list[Mistake]]:
    """Reads each picture with `predict`; returns the counts and every picture that is not both right and accepted."""
    answers = numbre(classifier, [picture.path for picture in pictures])
    right = accepted = wrong = blank = 0
    mistakes = []
    for picture, answer in zip(pictures, answers, strict=True):
        hit = answer is not None and answer.label == picture.truth
        sure = answer is not None and answer.recognized
        right += hit
        accepted += hit and sure
        wrong += sure and not hit
        blank += answer is None or answer.found is None
        if not (hit and sure):
            mistakes.append(Mistake(picture.source, picture.path, picture.truth, answer))
    return SingleScore(len(pictures), right, accepted, wrong, blank), mistakes
