"""Random distortion of images, new for every image and epoch, computed on whole batches.

An affine map and, if requested, a smooth elastic displacement (Simard et al., "Best Practices for Convolutional
Neural Networks", 2003; here normal noise on a 5×5 grid, enlarged to 28×28 by bicubic interpolation) give the point
where each pixel is sampled, bilinearly; outside the picture is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numbre_train.keras_engine import tensorflow

_SIDE, _GRID = 28, 5
_CENTRE = (_SIDE - 1) / 2


@dataclass(frozen=True)
class Augmentation:
    """The amounts of a random distortion; each is drawn uniformly between minus and plus its value."""

    rotation: float
    """Rotation in degrees."""
    scale: float
    """Relative change of width and of height, drawn separately; 0.1 is 10%."""
    shear: float
    """Slant, in pixels sideways per pixel down."""
    shift: float
    """Shift sideways and down, in pixels."""
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
        affine = self._affine(count, seed)
        if not self.elastic:
            return _projected(images, affine)
        row, column = affine.sources()
        field = tf.random.stateless_normal([count, 2, _GRID, _GRID], seed + tf.constant([0, 7])) * self.elastic
        spread = _bicubic_spread()
        field = tf.einsum("ai,ncij,bj->ncab", spread, field, spread)
        return _sample(images, row + field[:, 0], column + field[:, 1])

    def _affine(self, count: Any, seed: Any) -> _Affine:
        tf = tensorflow()

        def draw(index: int, amount: float) -> Any:
            return tf.random.stateless_uniform([count, 1, 1], seed + tf.constant([0, index]), -amount, amount)

        angle = draw(1, math.radians(self.rotation))
        width, height = 1 + draw(2, self.scale), 1 + draw(3, self.scale)
        slant, right, down = draw(4, self.shear), draw(5, self.shift), draw(6, self.shift)
        cosine, sine = tf.cos(angle), tf.sin(angle)
        return _Affine(cosine * width, slant - sine * height, right, sine * width, cosine * height, down)


@dataclass(frozen=True)
class _Affine:
    """The map from each pixel to the point where it is sampled, about the picture's centre; each field is (N, 1, 1)."""

    column_by_column: Any
    column_by_row: Any
    right: Any
    row_by_column: Any
    row_by_row: Any
    down: Any

    def sources(self) -> tuple[Any, Any]:
        """The (N, 28, 28) row and column of every pixel's source."""
        tf = tensorflow()
        offsets = tf.range(_SIDE, dtype=tf.float32) - _CENTRE
        x, y = offsets[None, None, :], offsets[None, :, None]
        column = self.column_by_column * x + self.column_by_row * y + _CENTRE + self.right
        row = self.row_by_column * x + self.row_by_row * y + _CENTRE + self.down
        return row, column

    def matrix(self) -> Any:
        """(N, 8), as TensorFlow's projective transform takes it: counted from the corner, without perspective."""
        tf = tensorflow()
        column_at_corner = _CENTRE + self.right - (self.column_by_column + self.column_by_row) * _CENTRE
        row_at_corner = _CENTRE + self.down - (self.row_by_column + self.row_by_row) * _CENTRE
        rows = [
            *(self.column_by_column, self.column_by_row, column_at_corner),
            *(self.row_by_column, self.row_by_row, row_at_corner),
        ]
        nothing = tf.zeros_like(self.right)
        return tf.reshape(tf.concat([*rows, nothing, nothing], axis=1), [-1, 8])


def _projected(images: Any, affine: _Affine) -> Any:
    """The same as `_sample` at the affine map's points, in one operation and about two thirds of the time."""
    tf = tensorflow()
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., None],
        transforms=affine.matrix(),
        output_shape=tf.constant([_SIDE, _SIDE]),
        fill_value=tf.constant(0.0),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[..., 0]


def _bicubic_spread() -> Any:
    """The (28, 5) matrix that interpolates 5 points to 28 bicubically."""
    tf = tensorflow()
    return tf.image.resize(tf.eye(_GRID)[None, ..., None], [_SIDE, _GRID], method="bicubic")[0, :, :, 0]


def _sample(images: Any, row: Any, column: Any) -> Any:
    """Bilinear samples of (N, 28, 28) images at the given points, 0 outside."""
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
