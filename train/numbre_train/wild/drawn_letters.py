"""Letters as a pen draws them, which are no digits; those that somebody writes as a digit are left out."""

from __future__ import annotations

import numpy as np

from numbre_train.wild.ink import Ink, cut_out
from numbre_train.wild.pen import curve, drawn
from numbre_train.wild.strokes import bent

_STRAIGHT: dict[str, tuple[str, ...]] = {
    "A": ("1590 5010 8590", "3060 7060"),
    "E": ("8010 2010 2090 8090", "2050 7050"),
    "F": ("8010 2010 2090", "2048 7048"),
    "H": ("2010 2090", "8010 8090", "2050 8050"),
    "K": ("2010 2090", "8010 2052 8090"),
    "M": ("1590 2010 5060 8010 8590",),
    "N": ("2090 2010 8090 8010",),
    "R": ("2090 2010 6510 8025 6548 2050 8090",),
    "T": ("1510 8510", "5010 5090"),
    "V": ("1510 5090 8510",),
    "W": ("1010 3090 5030 7090 9010",),
    "X": ("2010 8090", "8010 2090"),
    "Y": ("1510 5050 8510", "5050 5090"),
    "Z": ("1510 8510 1590 8590",),
    "y": ("2010 5055", "8010 2595"),
}
"""Each letter's strokes as corners, two digits of x and two of y, in hundredths of the canvas."""
_CURVED: dict[str, tuple[str, ...]] = {
    "a": ("7535 5028 2550 3575 5578 7555", "7530 7570 8578"),
    "b": ("2510 2585", "2565 4540 7055 7078 4590 2580"),
    "d": ("7510 7588", "7560 5040 2560 3085 5588 7575"),
    "f": ("7518 5512 4540 4590", "2545 6545"),
    "h": ("2510 2590", "2560 4542 6550 6890"),
    "k": ("2510 2590", "7045 2768", "3864 7290"),
    "m": ("1540 1590", "1555 2542 4055 4090", "4055 5542 7055 7090"),
    "n": ("2535 2590", "2555 4538 6852 7090"),
    "p": ("2530 2595", "2545 4530 7040 7058 4570 2560"),
    "r": ("3035 3090", "3058 4540 6538"),
    "t": ("5012 4870 5588 7082", "2838 7036"),
    "u": ("2535 2670 4588 6875", "7035 7088"),
    "e": ("2558 7255 6538 4032 2555 3080 5588 7278",),
    "x": ("2535 5062 7588", "7535 5062 2588"),
}
"""The same, as points of smooth curves."""


def drawn_letter(generator: np.random.Generator) -> Ink:
    """One letter, drawn with a shaking hand and a pen of any width, then bent."""
    letters = list(_STRAIGHT) + list(_CURVED)
    letter = letters[generator.integers(len(letters))]
    strokes = _CURVED.get(letter) or _STRAIGHT[letter]
    lines = []
    for stroke in strokes:
        points = np.array([[int(pair[:2]), int(pair[2:])] for pair in stroke.split()]) / 100
        points = points + generator.normal(0, 0.025, points.shape)
        lines.append(curve(points) if letter in _CURVED else points)
    ink = drawn([np.clip(line, 0.02, 0.98) for line in lines], float(generator.uniform(0.03, 0.12)))
    return cut_out(bent(ink, generator))
