"""Forms of digits that MNIST, written in the United States, hardly has, and that most of the world writes.

A 1 with an upstroke, with or without a foot; a crossed 7; an open 4 in two or three strokes; a straight-backed 9.
"""

from __future__ import annotations

import numpy as np

from numbre_train.wild.ink import Ink, cut_out
from numbre_train.wild.pen import Points, curve, drawn
from numbre_train.wild.strokes import bent


def other_form(generator: np.random.Generator) -> tuple[Ink, int]:
    """A digit in such a form, and which one it is."""
    digit = int(generator.choice([1, 1, 1, 1, 7, 7, 4, 4, 9]))
    lines = {1: _one, 7: _seven, 4: _four, 9: _nine}[digit](generator)
    shaken = [line + generator.normal(0, 0.008, line.shape) for line in lines]
    ink = drawn(shaken, float(generator.uniform(0.03, 0.13)))
    return cut_out(bent(ink, generator)), digit


def _one(generator: np.random.Generator) -> list[Points]:
    """An upstroke of up to the whole height, steep or, if it is long, flat; then down; sometimes a foot."""
    left = generator.uniform(0.05, 0.42)
    # A flatter one would be the roof of a 7.
    low = 0.1 + max(0.18, (0.55 - left) * generator.uniform(0.55, 1.6))
    lines = [np.array([[left, min(low, 0.75)], [0.55, 0.1], [generator.uniform(0.46, 0.6), 0.9]])]
    if generator.random() < 0.3:
        reach = generator.uniform(0.1, 0.25)
        lines.append(np.array([[0.54 - reach, 0.9], [0.54 + reach, 0.9]]))
    return lines


def _seven(generator: np.random.Generator) -> list[Points]:
    """A roof, perhaps with a serif, a straight or bent leg, and the bar across."""
    left, right, foot = generator.uniform(0.15, 0.3), generator.uniform(0.68, 0.85), generator.uniform(0.3, 0.55)
    knee = [(right + foot) / 2 - generator.uniform(0, 0.08), 0.5]
    roof = np.array([[left, 0.13], [right, generator.uniform(0.1, 0.16)]])
    leg = curve(np.array([roof[1], knee, [foot, 0.9]]))
    bar = generator.uniform(0.1, 0.2)
    height = generator.uniform(0.42, 0.58)
    lines = [roof, leg]
    if generator.random() < 0.9:
        lines.append(np.array([[knee[0] - bar, height + 0.02], [knee[0] + bar, height - 0.02]]))
    if generator.random() < 0.3:
        lines.append(np.array([[left, 0.13], [left, generator.uniform(0.18, 0.28)]]))
    return lines


def _four(generator: np.random.Generator) -> list[Points]:
    """Down to the left, across, and a stem that crosses the bar or begins at it, so that the top stays open."""
    bar = generator.uniform(0.45, 0.68)
    stem = generator.uniform(0.52, 0.72)
    top = generator.uniform(0.32, 0.6)
    end = max(stem, generator.uniform(0.6, 0.9))
    angle = np.array([[top, 0.1], [generator.uniform(0.15, 0.3), bar], [end, bar + generator.uniform(-0.06, 0.02)]])
    stem_top = generator.uniform(0.12, bar)
    return [angle, np.array([[stem, stem_top], [stem - generator.uniform(0, 0.08), 0.92]])]


def _nine(generator: np.random.Generator) -> list[Points]:
    """A ring and a straight stem at its right."""
    turn = np.linspace(0, 2 * np.pi, 14) - 0.3
    width, height = generator.uniform(0.13, 0.22), generator.uniform(0.15, 0.21)
    ring = np.stack([0.5 + width * np.cos(turn), 0.3 + height * np.sin(turn)], axis=1)
    foot = generator.uniform(0.42, 0.66)
    return [ring, np.array([[0.5 + width, generator.uniform(0.1, 0.3)], [foot, 0.92]])]
