"""Trains until a validation accuracy is reached; prints the seconds as a line of JSON.

Usage: time_to_accuracy.py numbre-train|keras SEED ACCURACY. It is train_speed.py that runs it.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from typing import Any

from numbre_train.data import load_mnist
from numbre_train.data.rows import Rows
from numbre_train.data.splits import split_rows
from numbre_train.fit import fit, network_input
from numbre_train.history import Epoch
from numbre_train.keras_engine import keras
from numbre_train.networks import NUMBRE
from numbre_train.recipes import RECIPES


class _Reached(Exception):  # noqa: N818 - nothing failed
    """Ends the training."""


def rows() -> tuple[Rows, Rows]:
    """MNIST's 55,000 fitting and 5,000 validation rows."""
    mnist, split = load_mnist(), split_rows()
    return (
        Rows(mnist.train_images[split.fit], mnist.train_labels[split.fit]),
        Rows(mnist.train_images[split.validation], mnist.train_labels[split.validation]),
    )


def by_numbre_train(seed: int, target: float) -> list[float]:
    """The validation accuracy of each epoch until then, by the quick recipe."""
    fitting, validation = rows()
    seen: list[float] = []

    def look(epoch: Epoch) -> None:
        seen.append(epoch.validation_accuracy or 0.0)
        if seen[-1] >= target:
            raise _Reached

    with suppress(_Reached):
        fit(RECIPES["quick"], fitting, validation, seed, 10, on_epoch=look)
    return seen


def by_keras(seed: int, target: float) -> list[float]:
    """The same by the published recipe through `model.fit`: raw pixels, Adam at its usual rate."""
    fitting, validation = rows()
    recipe = RECIPES["plain"]
    model = NUMBRE.build(raw_pixels=True, seed=seed, classes=10)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    seen: list[float] = []

    class Look(keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's signature
            seen.append(float(logs["val_accuracy"]))
            self.model.stop_training = seen[-1] >= target

    model.fit(
        network_input(fitting.images, raw_pixels=True),
        fitting.labels,
        batch_size=recipe.batch,
        epochs=recipe.epochs,
        validation_data=(network_input(validation.images, raw_pixels=True), validation.labels),
        callbacks=[Look()],
        verbose=0,
    )
    return seen


def main() -> int:
    """Trains; imports are not counted, reading the data is."""
    name, seed, target = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    keras()
    start = time.perf_counter()
    seen = {"numbre-train": by_numbre_train, "keras": by_keras}[name](seed, target)
    seconds = time.perf_counter() - start
    reached = max(seen) >= target
    print(json.dumps({"seconds": seconds, "epochs": len(seen), "accuracy": max(seen), "reached": reached}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
