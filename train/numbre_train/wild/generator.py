"""The rows that a network learns digits in the wild from: 0–9 as photographed, and 10, none of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray

from numbre_train.data.rows import Rows
from numbre_train.wild.forms import other_form
from numbre_train.wild.glyphs import FIT_FONTS, VALIDATION_FONTS, digit_glyph
from numbre_train.wild.others import none_of_them
from numbre_train.wild.seen import is_legible, photo_of
from numbre_train.wild.strokes import rewritten

NONE = 10
"""The class of what is no digit."""
NONE_LABEL = "none"

_CHUNK = 500
_PRINTED, _OTHER_FORMS = 0.06, 0.1
"""Shares of the copies that are printed digits, and forms that MNIST hardly has."""


def wild_rows(digits: Rows, others: float, seed: int, validation: bool = False) -> Rows:
    """A photo-like copy of every digit, and things that are none.

    Args:
        digits: As in MNIST.
        others: How many of the latter, as a share of the digits.
        seed: Seed; the same rows and seed give the same images.
        validation: Whether the fonts are those kept for validation.

    Returns:
        Rows of the classes 0–`NONE`; the order is not random.
    """
    starts = range(0, len(digits), _CHUNK)
    parts = [digits.take(np.arange(start, min(start + _CHUNK, len(digits)))) for start in starts]
    jobs = [(part, round(len(part) * others), (seed, number), validation) for number, part in enumerate(parts)]
    if len(jobs) == 1:
        made = [_chunk(*jobs[0])]
    else:
        # A fork of a process that holds TensorFlow's threads may stop for good.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), context, _leave_interrupts) as pool:
            made = list(pool.map(_chunk, *zip(*jobs, strict=True)))
    return joined(made)


def _leave_interrupts() -> None:
    """Leaves Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def joined(parts: list[Rows]) -> Rows:
    """All rows of several."""
    return Rows(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))


def _chunk(digits: Rows, others: int, seed: tuple[int, int], validation: bool) -> Rows:
    generator = np.random.default_rng(seed)
    fonts = VALIDATION_FONTS if validation else FIT_FONTS
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for image, label in zip(digits.images, digits.labels, strict=True):
        copy, shown = _copy(image, int(label), generator, fonts)
        images.append(copy)
        labels.append(shown)
    for _ in range(others):
        images.append(none_of_them(digits, generator, fonts))
        labels.append(NONE)
    return Rows(np.array(images), np.array(labels, np.uint8))


def _copy(
    image: NDArray[np.uint8], label: int, generator: np.random.Generator, fonts: tuple[str, ...]
) -> tuple[NDArray[np.uint8], int]:
    """A legible photo of a digit, or of another one of a kind that MNIST lacks, and which one it shows."""
    while True:
        kind = generator.random()
        if kind < _PRINTED:
            ink, shown = digit_glyph(generator, fonts)
        elif kind < _PRINTED + _OTHER_FORMS:
            ink, shown = other_form(generator)
        else:
            ink, shown = rewritten(image, generator), label
        copy = photo_of(ink, generator)
        if copy is not None and is_legible(copy, ink):
            return copy, shown
