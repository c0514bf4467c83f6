"""The training loop: one TensorFlow graph runs a whole epoch, distortion included, without returning to Python."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError, NumbreError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.manifest import PIXEL_SCALES
from numbre_runtime.measures import SMALLEST_SCORE, log_loss
from numbre_runtime.npz import read_npz, write_npz
from numbre_train.averaging import WeightAverage
from numbre_train.ctrl_c import raise_if_pressed
from numbre_train.data.rows import Rows
from numbre_train.distillation import TEACHER_SHARE, Teacher, distillation_loss
from numbre_train.history import Epoch
from numbre_train.keras_engine import begin_repeatable, keras, tensorflow
from numbre_train.recipes import Recipe

_CHECKPOINT_LIMIT = 256 << 20
_EVALUATION_ROWS = 5000


class DivergedError(NumbreError, ArithmeticError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Moments:
    """Steps of a training at which a function looks at the network."""

    steps: Collection[int]
    """Counted from 1, over all epochs."""
    look: Callable[[int, Any], None]
    """Called with the number of steps done and the keras model."""


def fit(
    recipe: Recipe,
    rows: Rows,
    validation: Rows | None,
    seed: int,
    classes: int,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    moments: Moments | None = None,
    model: Any = None,
    teacher: Teacher | None = None,
) -> tuple[Any, list[Epoch]]:
    """Trains a network; the same arguments on the same machine give the same weights, bit for bit.

    Args:
        recipe: Network, optimizer and distortion.
        rows: The rows to learn.
        validation: Rows that are evaluated after each epoch and never learned; None for none.
        seed: Seed of the initial weights, of the order of the rows and of their distortion, 0 ≤ seed < 2³¹.
        classes: Number of scores, more than any label.
        checkpoint: A file that is written after each epoch; the caller deletes it when the model is saved.
        resume: Whether to continue from the checkpoint.
        on_epoch: Called after each epoch.
        moments: Steps at which a function looks at the network; it does not change what is learned.
        model: A keras model to train further; None builds the recipe's network with its initial weights.
        teacher: Trained networks whose scores are learned beside the labels; None for none.

    Returns:
        The keras model and the figures of each epoch.

    Raises:
        DivergedError: The loss became NaN or infinite.
        DataError: The checkpoint to resume from is missing, damaged or of another training.
    """
    tf = tensorflow()
    begin_repeatable(seed)
    if model is None:
        model = recipe.network.build(recipe.raw_pixels, seed, classes)
    optimizer = keras().optimizers.AdamW(recipe.rate, weight_decay=recipe.weight_decay, epsilon=1e-7)
    # Only kernels decay, not biases, the scale (gamma) and offset (beta) of batch normalization, or learned ranges.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "range"])
    optimizer.build(model.trainable_variables)
    average = WeightAverage(model, recipe.averaging) if recipe.averaging else None
    state = [*model.variables, *optimizer.variables, *(average.variables if average is not None else ())]
    identity = _identity(recipe, rows, seed, classes, teacher)
    epochs: list[Epoch] = []
    if resume:
        if checkpoint is None or not checkpoint.exists():
            raise DataError(f"{checkpoint}: no such checkpoint, so there is nothing to resume; start without --resume")
        epochs = _restore(checkpoint, state, identity)

    run_steps = _steps_graph(model, optimizer, recipe, average, teacher)
    images, labels = tf.constant(rows.images), tf.constant(rows.labels, tf.int32)
    steps = steps_per_epoch(recipe, rows)
    for number in range(len(epochs), recipe.epochs):
        start = time.perf_counter()
        order = np.random.default_rng((seed, number)).permutation(len(rows.labels)).astype(np.int32)
        rates = [recipe.rate_at(number * steps + step, recipe.epochs * steps) for step in range(steps)]
        loss = accuracy = 0.0
        first = 0
        for last in _stops(moments, number * steps, steps):
            done = run_steps(
                images,
                labels,
                order,
                np.array(rates, np.float32),
                np.array([first, last], np.int32),
                np.array([seed, number], np.int32),
            )
            loss, accuracy = loss + float(done[0]) / len(order), accuracy + float(done[1]) / len(order)
            if moments is not None and number * steps + last in moments.steps:
                moments.look(number * steps + last, model)
            first = last
        if not np.isfinite(loss):
            raise DivergedError(f"the loss is {loss} in epoch {number + 1}: training diverged, no model is written")
        watched: tuple[float, float] | tuple[None, None] = (None, None)
        if validation is not None:
            with average.in_place() if average is not None else nullcontext():
                watched = evaluate(model, validation, recipe.raw_pixels)
        epochs.append(Epoch(number + 1, time.perf_counter() - start, rates[-1], loss, accuracy, *watched))
        if checkpoint is not None:
            _save(checkpoint, state, identity, epochs)
        raise_if_pressed()
        on_epoch(epochs[-1])
    if average is not None:
        average.keep()
    return model, epochs


def network_input(images: NDArray[np.uint8], raw_pixels: bool) -> NDArray[np.float32]:
    """Images (N, 28, 28) uint8 as the input of a dense network, (N, 784) float32; other networks take them reshaped."""
    scale = PIXEL_SCALES["none" if raw_pixels else "unit"]
    return (images.reshape(len(images), -1) * scale).astype(np.float32)


def steps_per_epoch(recipe: Recipe, rows: Rows) -> int:
    """Number of steps in one pass over the rows; the last step may have fewer rows."""
    return -(-len(rows) // recipe.batch)


def scores_of(model: Any, images: NDArray[np.uint8], raw_pixels: bool) -> NDArray[np.float32]:
    """A model's scores of images (N, 28, 28) uint8, (N, classes) float32; computed in batches, to save memory."""
    shape = model.input_shape[1:]
    parts = [
        model(network_input(images[start : start + _EVALUATION_ROWS], raw_pixels).reshape(-1, *shape), training=False)
        for start in range(0, len(images), _EVALUATION_ROWS)
    ]
    return np.concatenate([part.numpy() for part in parts])


def evaluate(model: Any, rows: Rows, raw_pixels: bool) -> tuple[float, float]:
    """Mean cross-entropy and accuracy, 0–1, of a model on undistorted rows."""
    scores = scores_of(model, rows.images, raw_pixels)
    return log_loss(rows.labels, scores), float((scores.argmax(axis=1) == rows.labels).mean())


def _stops(moments: Moments | None, before: int, steps: int) -> list[int]:
    """The steps of an epoch after which the graph returns to Python: its moments and its last step."""
    looks = moments.steps if moments is not None else ()
    return sorted({step - before for step in looks if before < step < before + steps} | {steps})


def _steps_graph(
    model: Any, optimizer: Any, recipe: Recipe, average: WeightAverage | None, teacher: Teacher | None
) -> Any:
    """A tf.function that runs steps of an epoch and returns the summed loss and the number of right answers."""
    tf = tensorflow()
    cross_entropy = keras().losses.SparseCategoricalCrossentropy()
    scale = PIXEL_SCALES["none" if recipe.raw_pixels else "unit"]
    batch_rows = recipe.batch
    to_unit = PIXEL_SCALES["unit"] / scale
    shape = model.input_shape[1:]

    def train_step(images: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            scores = model(images, training=True)
            loss = cross_entropy(labels, scores)
            objective = loss
            if recipe.label_smoothing:
                uniform = -tf.reduce_mean(tf.math.log(tf.maximum(scores, SMALLEST_SCORE)))
                objective = (1 - recipe.label_smoothing) * loss + recipe.label_smoothing * uniform
            if teacher is not None:
                softened = distillation_loss(scores, teacher.scores(images * to_unit))
                objective = (1 - TEACHER_SHARE) * objective + TEACHER_SHARE * softened
            penalized = objective + tf.add_n(model.losses) if model.losses else objective
        gradients = tape.gradient(penalized, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        right = tf.reduce_sum(tf.cast(tf.argmax(scores, 1, tf.int32) == labels, tf.float32))
        return loss * tf.cast(tf.shape(labels)[0], tf.float32), right

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def run_steps(images: Any, labels: Any, order: Any, rates: Any, span: Any, seed: Any) -> tuple[Any, Any]:
        loss, right = tf.constant(0.0), tf.constant(0.0)
        for step in tf.range(span[0], span[1]):
            rows = order[step * batch_rows : (step + 1) * batch_rows]
            batch = tf.cast(tf.gather(images, rows), tf.float32) * scale
            if recipe.augmentation is not None:
                # The stateless generator takes two numbers; the second one holds epoch and step.
                batch = recipe.augmentation.distort(batch, tf.stack([seed[0], seed[1] * 100_000 + step * 10]))
            optimizer.learning_rate.assign(rates[step])
            step_loss, step_right = train_step(tf.reshape(batch, [-1, *shape]), tf.gather(labels, rows))
            if average is not None:
                average.update(optimizer.iterations - 1)
            loss += step_loss
            right += step_right
        return loss, right

    return run_steps


def _identity(recipe: Recipe, rows: Rows, seed: int, classes: int, teacher: Teacher | None) -> str:
    """A digest of all that decides a training: recipe, rows, seed, number of classes and teacher."""
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    digest.update(rows.images.tobytes() + rows.labels.tobytes())
    digest.update("".join(teacher.sha256 if teacher is not None else ()).encode())
    return f"{digest.hexdigest()}-{seed}-{classes}"


def _save(path: Path, state: list[Any], identity: str, epochs: list[Epoch]) -> None:
    notes = json.dumps({"identity": identity, "epochs": [asdict(epoch) for epoch in epochs]})
    arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(state)}
    write_atomic(path, write_npz(notes=np.frombuffer(notes.encode(), np.uint8), **arrays))


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a training's checkpoint, of whichever training."""
    try:
        return "notes" in read_npz(read_limited(path, _CHECKPOINT_LIMIT, DataError), str(path), DataError)
    except DataError:
        return False


def _restore(path: Path, state: list[Any], identity: str) -> list[Epoch]:
    arrays = read_npz(read_limited(path, _CHECKPOINT_LIMIT, DataError), str(path), DataError)
    try:
        notes = json.loads(arrays["notes"].tobytes())
        epochs = [Epoch(**entry) for entry in notes["epochs"]]
        values = [arrays[f"variable_{index}"] for index in range(len(state))]
        same = notes["identity"] == identity
    except (KeyError, TypeError, ValueError) as cause:
        raise DataError(f"{path}: not a readable checkpoint; start without --resume") from cause
    if not same:
        raise DataError(f"{path}: checkpoint of another training (recipe, seed or data differ); start without --resume")
    for variable, value in zip(state, values, strict=True):
        if variable.shape != value.shape:
            raise DataError(f"{path}: not a readable checkpoint; start without --resume")
        variable.assign(value)
    return epochs
