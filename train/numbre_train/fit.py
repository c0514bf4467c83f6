"""Training: one TensorFlow graph runs a whole epoch, distortion included, without returning to Python between steps."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError, NumbreError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.manifest import PIXEL_SCALES
from numbre_runtime.npz import read_npz, write_npz
from numbre_train.ctrl_c import raise_if_pressed
from numbre_train.data.rows import Rows as Rows
from numbre_train.history import Epoch
from numbre_train.keras_engine import keras, tensorflow
from numbre_train.metrics import log_loss
from numbre_train.networks import DIGITS
from numbre_train.recipes import Recipe

_CHECKPOINT_LIMIT = 256 << 20
_EVALUATION_ROWS = 5000
_LEAST_SCORE = 1e-7
"""What Keras's own cross-entropy takes a score to be at least."""


class DivergedError(NumbreError, ArithmeticError):
    """The loss is no number any more."""


@dataclass(frozen=True)
class Moments:
    """Steps of a training at which somebody looks at the network."""

    steps: Collection[int]
    """Counted from 1, over all epochs."""
    look: Callable[[int, Any], None]
    """Is called with the number of steps done and the keras model."""


def fit(
    recipe: Recipe,
    rows: Rows,
    validation: Rows | None,
    seed: int,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    moments: Moments | None = None,
    classes: int = DIGITS,
) -> tuple[Any, list[Epoch]]:
    """Trains a network; the same arguments on the same machine give the same weights, bit for bit.

    Args:
        recipe: How.
        rows: What is learned.
        validation: What is only watched.
        seed: Decides initial weights, order and distortion.
        checkpoint: A file that is written after each epoch; the caller removes it when the model is safe.
        resume: Whether to go on from the checkpoint.
        on_epoch: Is called after each epoch.
        moments: Are looked at; they do not change what is learned.
        classes: Number of scores, more than any label.

    Returns:
        The keras model and what each epoch gave.

    Raises:
        DivergedError: The loss became NaN or infinite.
        DataError: The checkpoint to resume from is missing, damaged or of another training.
    """
    tf = tensorflow()
    model = recipe.network.build(recipe.raw_pixels, seed, classes)
    optimizer = keras().optimizers.AdamW(recipe.rate, weight_decay=recipe.weight_decay, epsilon=1e-7)
    # Only what multiplies the inputs of a layer decays; gamma and beta are batch normalization's.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    state = [*model.variables, *optimizer.variables]
    identity = _identity(recipe, rows, seed, classes)
    epochs: list[Epoch] = []
    if resume:
        if checkpoint is None or not checkpoint.exists():
            raise DataError(f"{checkpoint}: nothing to resume, no checkpoint is there; start without --resume")
        epochs = _restore(checkpoint, state, identity)

    run_steps = _steps_graph(model, optimizer, recipe)
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
        watched = evaluate(model, validation, recipe.raw_pixels) if validation is not None else (None, None)
        epochs.append(Epoch(number + 1, time.perf_counter() - start, rates[-1], loss, accuracy, *watched))
        if checkpoint is not None:
            _save(checkpoint, state, identity, epochs)
        raise_if_pressed()
        on_epoch(epochs[-1])
    return model, epochs


def network_input(images: NDArray[np.uint8], raw_pixels: bool) -> NDArray[np.float32]:
    """Images (N, 28, 28) as what a dense network takes, (N, 784) float32; any other takes them reshaped."""
    scale = PIXEL_SCALES["none" if raw_pixels else "unit"]
    return (images.reshape(len(images), -1) * scale).astype(np.float32)


def steps_per_epoch(recipe: Recipe, rows: Rows) -> int:
    """How many steps go through all rows once; the last one may be of fewer rows."""
    return -(-len(rows) // recipe.batch)


def scores_of(model: Any, images: NDArray[np.uint8], raw_pixels: bool) -> NDArray[np.float32]:
    """What a model says of images (N, 28, 28), (N, classes) float32; some thousand at a time, to spare memory."""
    shape = model.input_shape[1:]
    parts = [
        model(network_input(images[start : start + _EVALUATION_ROWS], raw_pixels).reshape(-1, *shape), training=False)
        for start in range(0, len(images), _EVALUATION_ROWS)
    ]
    return np.concatenate([part.numpy() for part in parts])


def evaluate(model: Any, rows: Rows, raw_pixels: bool) -> tuple[float, float]:
    """Mean cross-entropy and share right of a model on undistorted rows."""
    scores = scores_of(model, rows.images, raw_pixels)
    return log_loss(rows.labels, scores), float((scores.argmax(axis=1) == rows.labels).mean())


def _stops(moments: Moments | None, before: int, steps: int) -> list[int]:
    """The steps of an epoch to stop after: its moments and its end."""
    looks = moments.steps if moments is not None else ()
    return sorted({step - before for step in looks if before < step < before + steps} | {steps})


def _steps_graph(model: Any, optimizer: Any, recipe: Recipe) -> Any:
    """A tf.function that runs some steps of an epoch and gives its rows' summed loss and how many were right."""
    tf = tensorflow()
    cross_entropy = keras().losses.SparseCategoricalCrossentropy()
    scale = PIXEL_SCALES["none" if recipe.raw_pixels else "unit"]
    batch_rows = recipe.batch
    shape = recipe.network.input_shape

    def train_step(images: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            scores = model(images, training=True)
            loss = cross_entropy(labels, scores)
            aim = loss
            if recipe.label_smoothing:
                others = -tf.reduce_mean(tf.math.log(tf.maximum(scores, _LEAST_SCORE)))
                aim = (1 - recipe.label_smoothing) * loss + recipe.label_smoothing * others
            penalized = aim + tf.add_n(model.losses) if model.losses else aim
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
                # The stateless generator takes two numbers; epoch and step share the second one.
                batch = recipe.augmentation.distort(batch, tf.stack([seed[0], seed[1] * 100_000 + step * 10]))
            optimizer.learning_rate.assign(rates[step])
            step_loss, step_right = train_step(tf.reshape(batch, [-1, *shape]), tf.gather(labels, rows))
            loss += step_loss
            right += step_right
        return loss, right

    return run_steps


def _identity(recipe: Recipe, rows: Rows, seed: int, classes: int) -> str:
    """Tells one training from another: recipe, rows, seed and number of classes."""
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    digest.update(rows.images.tobytes() + rows.labels.tobytes())
    return f"{digest.hexdigest()}-{seed}-{classes}"


def _save(path: Path, state: list[Any], identity: str, epochs: list[Epoch]) -> None:
    notes = json.dumps({"identity": identity, "epochs": [asdict(epoch) for epoch in epochs]})
    arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(state)}
    write_atomic(path, write_npz(notes=np.frombuffer(notes.encode(), np.uint8), **arrays))


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
        raise DataError(
            f"{path}: the checkpoint of another training (recipe, seed or data differ); start without --resume"
        )
    for variable, value in zip(state, values, strict=True):
        if variable.shape != value.shape:
            raise DataError(f"{path}: not a readable checkpoint; start without --resume")
        variable.assign(value)
    return epochs
