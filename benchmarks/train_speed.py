"""How fast numbre-train trains, in two comparisons.

Seconds to 98.0% validation accuracy: numbre-train's quick recipe, the same network and recipe in PyTorch, and the plain
Keras recipe, which may not get there; processes in turn, imports not counted.
Seconds of 20 epochs without augmentation: numbre-train's graph and a plain `model.fit`, epoch by epoch in turn, with
the same network, rows, batch size, optimizer and learning rate; both fit on all 60,000 rows.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from common import machine, write_result
from environments import UnavailableError, clean, environment
from numbre_runtime.npz import write_npz
from numbre_train.data import Rows, load_mnist
from numbre_train.fit import fit, network_input, steps_per_epoch
from numbre_train.keras_engine import keras
from numbre_train.networks import NUMBRE
from numbre_train.recipes import BATCH, RECIPES
from time_to_accuracy import rows

EPOCHS = 20
TARGET = 0.98
SEEDS = {"numbre-train": (0, 1, 2), "PyTorch": (0, 1, 2), "PyTorch, 1 thread": (0, 1, 2), "keras": (0,)}
"""PyTorch as it comes and with one thread, for a network as small as this one; the faster counts."""
BOUNDS = {"20 epochs, against model.fit": 0.5, "to 98.0%, against PyTorch": 1.0}
"""Largest ratio of our wall time to theirs."""
_HERE = Path(__file__).resolve().parent
_PYTORCH = "torch==2.13.0"
_LIMIT_S = 180
"""A run that takes longer is given up; usual are 10 to 60 s."""


def main() -> int:
    """Measures, prints, writes results/train_speed.json; exit code 1 if a bound is missed."""
    reaching = to_target()
    ours, theirs = epochs_in_turn()
    ratios = {"20 epochs, against model.fit": ours / theirs}
    print(f"{machine()['cpu']}\n{EPOCHS} epochs in turn: numbre-train {ours:.1f} s, plain model.fit {theirs:.1f} s")
    medians: dict[str, float | None] = {}
    for name, runs in reaching.items():
        if isinstance(runs, str):
            medians[name] = None
            print(f"{name}: skipped, {runs}")
            continue
        done = all(run["reached"] for run in runs)
        medians[name] = statistics.median(run["seconds"] for run in runs) if done else None
        best = max(run["accuracy"] for run in runs)
        print(f"{name}: {medians[name]:.1f} s to {TARGET:.1%}" if done else f"{name}: not reached, {best:.1%} at best")
    mine = medians["numbre-train"]
    torch = [value for name, value in medians.items() if name.startswith("PyTorch") and value is not None]
    if mine is not None and torch:
        ratios["to 98.0%, against PyTorch"] = mine / min(torch)
    print(*(f"{name}: {value:.2f} (at most {BOUNDS[name]})" for name, value in ratios.items()), sep="\n")
    result = {"epochs": {"numbre_s": ours, "plain_s": theirs}, "target": TARGET, "to_target": reaching}
    write_result("train_speed", {**result, "to_target_s": medians, "ratios": ratios, "bounds": BOUNDS})
    return int(any(value > BOUNDS[name] for name, value in ratios.items()))


def to_target() -> dict[str, list[dict[str, Any]] | str]:
    """Each candidate's runs, or why there are none; seed by seed in turn."""
    runs: dict[str, list[dict[str, Any]] | str] = {name: [] for name in SEEDS}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _write_inputs(folder)
        for seed in sorted({seed for seeds in SEEDS.values() for seed in seeds}):
            for name, seeds in SEEDS.items():
                before = runs[name]
                if seed not in seeds or isinstance(before, str):
                    continue
                try:
                    before.append(_run(name, seed, folder))
                    print(f"{name}, seed {seed}: {before[-1]}", file=sys.stderr)
                except UnavailableError as cause:
                    runs[name] = str(cause)
    return runs


def _run(name: str, seed: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(_HERE / "time_to_accuracy.py"), name, str(seed), str(TARGET)]
    variables = None
    if name.startswith("PyTorch"):
        variables = clean(**({"OMP_NUM_THREADS": "1"} if "1 thread" in name else {}))
        python = environment("torch", (_PYTORCH, "numpy"))
        script = _HERE / "peer_code" / "train_pytorch.py"
        command = [str(python), str(script), str(folder / "data.npz"), str(folder / "recipe.json"), str(seed)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=variables, timeout=_LIMIT_S, check=True)
    except subprocess.TimeoutExpired as late:
        raise UnavailableError(f"takes longer than {_LIMIT_S} s") from late
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _write_inputs(folder: Path) -> None:
    """What PyTorch's script reads."""
    fitting, validation = rows()
    recipe = RECIPES["quick"]
    if recipe.augmentation is None:
        raise ValueError("the quick recipe distorts nothing; train_pytorch.py does")
    steps = recipe.epochs * steps_per_epoch(recipe, fitting)
    (folder / "data.npz").write_bytes(
        write_npz(
            images=fitting.images,
            labels=fitting.labels,
            validation_images=validation.images,
            validation_labels=validation.labels,
        )
    )
    facts = {
        **dataclasses.asdict(recipe.augmentation),
        "epochs": recipe.epochs,
        "weight_decay": recipe.weight_decay,
        "batch": recipe.batch,
        "rates": [recipe.rate_at(step, steps) for step in range(steps)],
        "hidden": [25, 256, 300],
        "accuracy": TARGET,
    }
    (folder / "recipe.json").write_text(json.dumps(facts))


def epochs_in_turn() -> tuple[float, float]:
    """Seconds of `EPOCHS` epochs by numbre-train's graph and by `model.fit`."""
    mnist = load_mnist()
    recipe = RECIPES["plain"]
    values = network_input(mnist.train_images, raw_pixels=True)
    labels = keras().utils.to_categorical(mnist.train_labels, 10)
    plain = NUMBRE.build(raw_pixels=True, seed=0, classes=10)
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

    fit(recipe, Rows(mnist.train_images, mnist.train_labels), None, seed=0, classes=10, on_epoch=after_epoch)
    # Between two of our epochs lies one plain epoch, which is not ours.
    ours = moments[1] - moments[0] + sum(b - a for a, b in pairwise(moments[1:])) - sum(plain_seconds[:-1])
    return ours, sum(plain_seconds)


if __name__ == "__main__":
    sys.exit(main())
