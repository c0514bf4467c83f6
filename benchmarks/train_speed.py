"""20 epochs without augmentation, by numbre-train's graph and by a plain Keras `model.fit`, epoch by epoch in turn.

The same network, rows, batch size, optimizer and learning rate; both fit on all 60,000 rows.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise

from common import machine, write_result
from numbre_train.data import load_mnist
from numbre_train.engine import keras
from numbre_train.fit import Rows, fit, network_input
from numbre_train.networks import numbre_network
from numbre_train.recipes import BATCH, RECIPES

EPOCHS = 20
BOUND = 0.5
"""Largest ratio of our wall time to the plain one's."""


def main() -> int:
    """Measures, prints, writes results/train_speed.json; exit code 1 if the bound is missed."""
    mnist = load_mnist()
    recipe = RECIPES["plain"]
    values = network_input(mnist.train_images, raw_pixels=True)
    labels = keras().utils.to_categorical(mnist.train_labels, 10)
    plain = numbre_network(raw_pixels=True, seed=0)
    plain.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

    moments = [time.perf_counter()]
    plain_seconds = []

    def one_plain_epoch() -> None:
        start = time.perf_counter()
        plain.fit(values, labels, batch_size=BATCH, epochs=1, verbose=0)
        plain_seconds.append(time.perf_counter() - start)

    def after_epoch(_: object) -> None:
        moments.append(time.perf_counter())
        one_plain_epoch()
        print(f"epoch {len(plain_seconds)}/{EPOCHS}", file=sys.stderr)

    fit(recipe, Rows(mnist.train_images, mnist.train_labels), None, seed=0, on_epoch=after_epoch)
    # Between two of our epochs lies one plain epoch, which is not ours.
    ours = moments[1] - moments[0] + sum(b - a for a, b in pairwise(moments[1:])) - sum(plain_seconds[:-1])
    theirs = sum(plain_seconds)
    print(f"{machine()['cpu']}, {EPOCHS} epochs in turn: numbre-train {ours:.1f} s, plain model.fit {theirs:.1f} s")
    print(f"ratio {ours / theirs:.2f} (at most {BOUND})")
    write_result("train_speed", {"numbre_s": ours, "plain_s": theirs, "ratio": ours / theirs, "bound": BOUND})
    return int(ours > BOUND * theirs)


if __name__ == "__main__":
    sys.exit(main())
