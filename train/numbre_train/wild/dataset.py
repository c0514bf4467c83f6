"""MNIST, or other rows of digits, with all that is met in the wild besides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numbre_runtime.errors import DataError
from numbre_train.data import Dataset, Split
from numbre_train.data.classes import DIGITS
from numbre_train.wild.rows import NONE_LABEL, joined, wild_rows

_OTHERS = 0.5
"""How many images of no digit, as a share of the digits to fit."""


def in_the_wild(data: Dataset, seed: int) -> Dataset:
    """The data set with a photo-like copy of every fitting row, and with a class for what is no digit.

    Args:
        data: Digits. Its validation and test rows stay what they are, and make no copies.
        seed: Decides what is made.

    Raises:
        DataError: Its classes are not the ten digits.
    """
    if data.labels != DIGITS:
        raise DataError(f"{data.source}: classes {', '.join(data.labels[:3])}, …; the recipe wild is for digits")
    train = joined([data.train, wild_rows(data.fit, _OTHERS, seed)])
    fit = np.concatenate([data.split.fit, np.arange(len(data.train), len(train))])
    return replace(data, train=train, split=Split(fit, data.split.validation), labels=(*DIGITS, NONE_LABEL))
