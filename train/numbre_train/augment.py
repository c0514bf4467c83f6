"""Distorted copies of digits, made afresh for every image and epoch, on whole batches.

An affine map and, where asked for, a smooth elastic displacement (Simard et al., "Best Practices for Convolutional
Neural Networks", 2003; here normal noise on a 5×5 grid, brought to 28×28 by bicubic interpolation) give the point that
each pixel is taken from, bilinearly; outside the picture is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numbre_train.engine import tensorflow

_SIDE, _GRID = 28, 5
_CENTRE = (_SIDE - 1) / 2


@dataclass(frozen=True)
class Augmentation:
    """How far digits are distorted; each amount is drawn uniformly from − to +."""

    rotation: float
    """Degrees."""
    scale: float
    """Change of width and of height, each by itself; 0.1 is 10%."""
    shear: float
    """Slant, in pixels sideways per pixel down."""
    shift: float
    """Pixels sideways and down."""
    elastic: float
    """Standard deviation of the elastic displacement at the grid's points, in pixels; 0 for none."""

    def distort(self, images: Any, seed: Any) -> Any:
        """Distorts a batch.

        Args:
            images: (N, 28, 28) float32 tensor.
            seed: (2,) int32 tensor; the same seed gives the same distortion.

        Returns:
            (N, 28, 28) float32 tensor.
        """
        tf = tensorflow()
        count = tf.shape(images)[0]
        row, column = self._affine(count, seed)
        if self.elastic:
            field = tf.random.stateless_normal([count, 2, _GRID, _GRID], seed + tf.constant([0, 7])) * self.elastic
            spread = _bicubic_spread()
            field = tf.einsum("ai,ncij,bj->ncab", spread, field, spread)
            row += field[:, 0]
            column += field[:, 1]
        return _sample(images, row, column)

    def _affine(self, count: Any, seed: Any) -> tuple[Any, Any]:
        """The (N, 28, 28) row and column that each pixel is taken from."""
        tf = tensorflow()

        def draw(index: int, amount: float) -> Any:
            return tf.random.stateless_uniform([count, 1, 1], seed + tf.constant([0, index]), -amount, amount)

        angle = draw(1, math.radians(self.rotation))
        width, height = 1 + draw(2, self.scale), 1 + draw(3, self.scale)
        slant, right, down = draw(4, self.shear), draw(5, self.shift), draw(6, self.shift)
        cosine, sine = tf.cos(angle), tf.sin(angle)
        offsets = tf.range(_SIDE, dtype=tf.float32) - _CENTRE
        x, y = offsets[None, None, :], offsets[None, :, None]
        column = cosine * width * x + (slant - sine * height) * y + _CENTRE + right
        row = sine * width * x + cosine * height * y + _CENTRE + down
        return row, column


def _bicubic_spread() -> Any:
    """The (28, 5) matrix that interpolates 5 points to 28 bicubically."""
    tf = tensorflow()
    return tf.image.resize(tf.eye(_GRID)[None, ..., None], [_SIDE, _GRID], method="bicubic")[0, :, :, 0]


def _sample(images: Any, row: Any, column: Any) -> Any:
    """Bilinear samples of (N, 28, 28) images at the given places, 0 outside."""
    tf = tensorflow()
    padded_side = _SIDE + 3
    flat = tf.reshape(tf.pad(images, [[0, 0], [1, 2], [1, 2]]), [-1])
    row = tf.clip_by_value(row + 1, 0.0, _SIDE + 1.0)
    column = tf.clip_by_value(column + 1, 0.0, _SIDE + 1.0)
    top, left = tf.floor(row), tf.floor(column)
    down, right = row - top, column - left
    first = tf.range(tf.shape(images)[0])[:, None, None] * padded_side * padded_side
    corner = first + tf.cast(top, tf.int32) * padded_side + tf.cast(left, tf.int32)
    upper = tf.gather(flat, corner) * (1 - right) + tf.gather(flat, corner + 1) * right
    lower = tf.gather(flat, corner + padded_side) * (1 - right) + tf.gather(flat, corner + padded_side + 1) * right
    return upper * (1 - down) + lower * down
