"""MNIST, or other rows of digits, with all that is met in the wild besides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numbre_runtime.errors import DataError
from numbre_train.data import Dataset, Split
from numbre_train.data.classes import DIGITS
from numbre_train.wild.generator import NONE_LABEL, joined, wild_rows

_EVERY = 3
"""Of every third fitting row a copy is made."""
OTHERS = 0.8
"""How many images of no digit, as a share of the copies."""


def in_the_wild(data: Dataset, seed: int) -> Dataset:
    """The data set with photo-like copies of a third of its fitting rows, and with a class for what is no digit.

    Args:
        data: Digits. Its validation and test rows stay what they are, and make no copies.
        seed: Decides what is made.

    Raises:
        DataError: Its classes are not the ten digits.
    """
    if data.labels != DIGITS:
        raise DataError(f"{data.source}: classes {', '.join(data.labels[:3])}, …; the recipe wild is for digits")
    digits = data.fit.take(np.arange(0, len(data.fit), _EVERY))
    train = joined([data.train, wild_rows(digits, OTHERS, seed)])
    fit = np.concatenate([data.split.fit, np.arange(len(data.train), len(train))])
    return replace(data, train=train, split=Split(fit, data.split.validation), labels=(*DIGITS, NONE_LABEL))
