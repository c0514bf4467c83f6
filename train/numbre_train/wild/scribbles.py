"""Lines without a meaning: scribbles, zigzags, crossings, strokes beside each other."""

from __future__ import annotations

import numpy as np

from numbre_train.wild.ink import Ink, cut_out
from numbre_train.wild.pen import Points, curve, drawn


def scribble(generator: np.random.Generator) -> Ink:
    """A scribble of one of several kinds."""
    kind = (_tangle, _tangle, _zigzag, _crossing, _beside)[generator.integers(5)]
    return cut_out(drawn(kind(generator), float(generator.uniform(0.02, 0.12))))


def _tangle(generator: np.random.Generator) -> list[Points]:
    """Many turns; a line of few turns might be a digit."""
    return [curve(generator.uniform(0.08, 0.92, (int(generator.integers(7, 16)), 2)))]


def _zigzag(generator: np.random.Generator) -> list[Points]:
    teeth = int(generator.integers(5, 12))
    along = np.linspace(0.08, 0.92, teeth) + generator.normal(0, 0.02, teeth)
    across = 0.5 + generator.uniform(0.1, 0.4) * np.where(np.arange(teeth) % 2, 1, -1) * generator.uniform(
        0.6, 1, teeth
    )
    points = np.stack([along, across] if generator.random() < 0.7 else [across, along], axis=1)
    return [curve(points) if generator.random() < 0.5 else points]


def _crossing(generator: np.random.Generator) -> list[Points]:
    """Three to six straight or bent strokes across the whole field."""
    lines = []
    for _ in range(int(generator.integers(3, 7))):
        angle = generator.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * 0.42
        middle = 0.5 + generator.normal(0, 0.08, 2)
        bend = generator.normal(0, 0.08, 2)
        lines.append(np.clip(curve(np.stack([middle - reach, middle + bend, middle + reach])), 0.03, 0.97))
    return lines


def _beside(generator: np.random.Generator) -> list[Points]:
    """Two to five strokes side by side, or one lying one, which no digit is."""
    count = int(generator.integers(1, 6))
    if count == 1:
        tilt = generator.normal(0, 0.08)
        return [curve(np.array([[0.06, 0.5 - tilt], [0.5, 0.5 + generator.normal(0, 0.06)], [0.94, 0.5 + tilt]]))]
    lines = []
    for place in np.linspace(0.15, 0.85, count):
        slant, top = generator.normal(0, 0.06), generator.uniform(0.05, 0.3)
        lines.append(np.array([[place + slant, top], [place - slant, generator.uniform(0.7, 0.95)]]))
    return lines if generator.random() < 0.6 else [line[:, ::-1] for line in lines]
