"""Goes on training a network on a few new pictures, while it rehearses what it could do before.

Every step takes new pictures, each class as often as the others, newly distorted, and rows of the original data. Of
those the network also keeps its own former scores (Li, Hoiem, "Learning without forgetting", 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numbre_runtime.errors import DataError
from numbre_runtime.manifest import PIXEL_SCALES
from numbre_runtime.measures import SMALLEST_SCORE
from numbre_runtime.tensors import softmax
from numbre_train.augment import Augmentation
from numbre_train.data.rows import Rows
from numbre_train.fit import scores_of
from numbre_train.keras_engine import keras, tensorflow

_DISTORTION = Augmentation(rotation=6.0, scale=0.12, shear=0.12, shift=1.5, elastic=0.0)
_DARKEST, _BRIGHTEST = 0.7, 1.1
"""By which all levels of a new picture are multiplied."""
_SMALLEST_GAMMA, _LARGEST_GAMMA = 0.7, 1.4
"""To whose power they are raised before."""
_WARM_UP = 0.1


@dataclass(frozen=True)
class Course:
    """How a network is taught.

    Raises:
        DataError: The steps or the seed are not what they should be.

    Example:
        >>> Course(steps=0)
        Traceback (most recent call last):
        numbre_runtime.errors.DataError: 0 steps; expected 1 or more
    """

    steps: int = 2000
    """Number of steps."""
    rate: float = 0.004
    """Highest learning rate of Adam; after a warm-up it falls as half a cosine."""
    new: int = 48
    """New pictures a step."""
    rehearsed: int = 256
    """Original rows a step."""
    rehearsal_weight: float = 6.0
    """What the original rows' loss counts beside that of the new pictures."""
    teacher_share: float = 0.7
    """Share of the former scores in what the original rows are compared with; the rest are their labels."""
    seed: int = 0
    """Of which pictures are taken and how they are distorted; 0 to 2³¹ − 1."""

    def __post_init__(self) -> None:
        """Checks what a user chooses."""
        if self.steps < 1:
            raise DataError(f"{self.steps} steps; expected 1 or more")
        if not 0 <= self.seed < 1 << 31:
            raise DataError(f"seed {self.seed}; expected 0 to {(1 << 31) - 1}")


def fine_tune(model: Any, new: Rows, original: Rows, raw_pixels: bool, course: Course) -> None:
    """Teaches a network in place.

    Args:
        model: A Keras model for 28×28 values, whose output is probabilities or their logarithms plus a constant.
        new: The new pictures and their classes.
        original: The rows to rehearse and their classes.
        raw_pixels: Whether the network takes pixels 0–255; else they are divided by 255.
        course: How.
    """
    generator = np.random.default_rng(course.seed)
    former = scores_of(model, original.images, raw_pixels)
    if not _gives_probabilities(model):
        former = softmax(former)
    classes = former.shape[1]
    goal = (
        course.teacher_share * former + (1 - course.teacher_share) * np.eye(classes, dtype=np.float32)[original.labels]
    )
    schedule = keras().optimizers.schedules.CosineDecay(
        0.0, course.steps, warmup_target=course.rate, warmup_steps=max(1, int(_WARM_UP * course.steps))
    )
    optimizer = keras().optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)

    step = _step(model, optimizer, PIXEL_SCALES["none" if raw_pixels else "unit"], course)
    of_class = [numbers for label in range(classes) if len(numbers := np.flatnonzero(new.labels == label))]
    for number in range(course.steps):
        taken = np.array(
            [generator.choice(of_class[index]) for index in generator.integers(len(of_class), size=course.new)]
        )
        old = generator.integers(len(original), size=course.rehearsed)
        step(
            new.images[taken].astype(np.float32),
            np.eye(classes, dtype=np.float32)[new.labels[taken]],
            np.array([course.seed, number], np.int32),
            original.images[old].astype(np.float32),
            goal[old],
        )


def _step(model: Any, optimizer: Any, factor: float, course: Course) -> Any:
    """One step of training, as a compiled function of both kinds of rows and what they are compared with."""
    tf = tensorflow()

    def step(pixels: Any, goal: Any, seed: Any, old_pixels: Any, old_goal: Any) -> None:
        levels = _lit(_DISTORTION.distort(pixels, seed), seed)
        with tf.GradientTape() as tape:
            logarithms = _logarithms(model, tf.concat([levels, old_pixels], 0) * factor)
            fresh, kept = logarithms[: course.new], logarithms[course.new :]
            loss = -tf.reduce_mean(tf.reduce_sum(goal * fresh, 1))
            loss -= course.rehearsal_weight * tf.reduce_mean(tf.reduce_sum(old_goal * kept, 1))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    return tf.function(step)


def _lit(pixels: Any, seed: Any) -> Any:
    """Pictures (N, 28, 28) as another light and another camera would show them."""
    tf = tensorflow()
    shape = [tf.shape(pixels)[0], 1, 1]
    gamma = tf.random.stateless_uniform(shape, seed + tf.constant([0, 11]), _SMALLEST_GAMMA, _LARGEST_GAMMA)
    gain = tf.random.stateless_uniform(shape, seed + tf.constant([0, 12]), _DARKEST, _BRIGHTEST)
    return tf.clip_by_value(tf.pow(tf.maximum(pixels, 0.0) / 255, gamma) * gain, 0.0, 1.0) * 255


def _logarithms(model: Any, values: Any) -> Any:
    """The logarithms of the probabilities."""
    tf = tensorflow()
    output = model(tf.reshape(values, [-1, *model.input_shape[1:]]), training=False)
    if _gives_probabilities(model):
        return tf.math.log(tf.maximum(output, SMALLEST_SCORE))
    return tf.nn.log_softmax(output)


def _gives_probabilities(model: Any) -> bool:
    return isinstance(model.layers[-1], keras().layers.Softmax)
