"""Models of every kind that people bring to an exporter: trained a moment on real data, exported, run by the runtime.

Prints a row a kind: the files made and their verdicts, and whether LiteRT and NumPy give the same bits. Writes
benchmarks/results/zoo.json. python benchmarks/zoo.py [KIND …]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import numbre_export
from numbre_export.convert.engine import keras
from numbre_runtime.errors import NumbreError
from numbre_train.data import load_mnist

RESULTS = Path(__file__).parent / "results" / "zoo.json"
_ROWS, _EPOCHS = 4000, 3
_GATE = numbre_export.Gate(max_drop=0.01, max_class_drop=0.05)
Rows = tuple[Any, Any]


def digits() -> Rows:
    """MNIST's first test images at half size, (N, 14, 14, 1) uint8."""
    mnist = load_mnist()
    small = mnist.test_images[:_ROWS].reshape(_ROWS, 14, 2, 14, 2).mean(axis=(2, 4)).astype(np.uint8)
    return small[..., None], mnist.test_labels[:_ROWS].astype(np.int64)


def lines() -> Rows:
    """The same images as 14 time steps of 14 values, 0–1."""
    images, labels = digits()
    return (images[..., 0] / 255).astype(np.float32), labels


def words() -> Rows:
    """scikit-learn's digits, each pixel a word out of 17."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data.astype(np.int32), data.target.astype(np.int64)


def tables() -> Rows:
    """scikit-learn's breast cancer table, standardized, two classes."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return ((data.data - data.data.mean(axis=0)) / data.data.std(axis=0)).astype(np.float32), data.target


def _images(*layers: Any, shape: tuple[int, ...] = (14, 14, 1), dtype: str = "float32") -> Any:
    module = keras()
    ends = [module.layers.Flatten(), module.layers.Dense(10, activation="softmax")]
    return module.Sequential([module.Input(shape, dtype=dtype), *layers, *ends])


def _steps(*layers: Any) -> Any:
    module = keras()
    return module.Sequential([module.Input((14, 14)), *layers, module.layers.Dense(10, activation="softmax")])


def _activated(name: str) -> Callable[[], Any]:
    return lambda: _images(keras().layers.Conv2D(8, 3, activation=name))


def _normalized() -> Any:
    layer = keras().layers.Normalization()
    layer.adapt(digits()[0][:500].astype(np.float32) / 255)
    return _images(layer, keras().layers.Conv2D(8, 3, activation="relu"))


def _attention() -> Any:
    module = keras()
    steps = module.Input((14, 14))
    mixed = module.layers.Add()([steps, module.layers.MultiHeadAttention(2, 7)(steps, steps)])
    pooled = module.layers.GlobalAveragePooling1D()(module.layers.LayerNormalization()(mixed))
    return module.Model(steps, module.layers.Dense(10, "softmax")(module.layers.Dense(32, "relu")(pooled)))


def _residual() -> Any:
    layers = keras().layers
    pixels = keras().Input((14, 14, 1))
    first = layers.Conv2D(8, 3, padding="same", activation="relu")(pixels)
    second = layers.Conv2D(8, 3, padding="same")(first)
    joined = layers.Concatenate()([layers.ReLU()(layers.Add()([first, second])), second])
    scores = layers.Dense(10, activation="softmax")(layers.Flatten()(layers.MaxPooling2D()(joined)))
    return keras().Model(pixels, scores)


def _squeezed() -> Any:
    layers = keras().layers
    pixels = keras().Input((14, 14, 1))
    values = layers.Conv2D(8, 3, activation="swish")(pixels)
    share = layers.Conv2D(8, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(values))
    scores = layers.Dense(10, activation="softmax")(layers.Flatten()(layers.Multiply()([values, share])))
    return keras().Model(pixels, scores)


def _mixed_precision() -> Any:
    keras().mixed_precision.set_global_policy("mixed_float16")
    try:
        return _images(keras().layers.Conv2D(8, 3, activation="relu"))
    finally:
        keras().mixed_precision.set_global_policy("float32")


def _embedded() -> Any:
    layers = keras().layers
    parts = [layers.Embedding(17, 4), layers.Flatten(), layers.Dense(10, activation="softmax")]
    return keras().Sequential([keras().Input((64,), dtype="int32"), *parts])


def _table(scores: int, activation: str | None) -> Callable[[], Any]:
    def make() -> Any:
        layers = keras().layers
        return keras().Sequential(
            [keras().Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(scores, activation=activation)]
        )

    return make


def _kinds() -> dict[str, tuple[Callable[[], Any], Callable[[], Rows], str]]:
    """Name to model, rows and preprocessing."""
    layers = keras().layers
    conv = layers.Conv2D
    images: dict[str, Callable[[], Any]] = {
        **{f"{name} convolution": _activated(name) for name in ("relu", "gelu", "selu", "elu", "swish", "hard_swish")},
        **{f"{name} convolution": _activated(name) for name in ("tanh", "leaky_relu", "mish", "relu6")},
        "dense without biases": lambda: _images(layers.Flatten(), layers.Dense(32, "relu", use_bias=False)),
        "dilated convolution": lambda: _images(conv(8, 3, dilation_rate=2, activation="relu")),
        "grouped convolution": lambda: _images(conv(8, 3, activation="relu"), conv(8, 3, groups=2, activation="relu")),
        "separable convolution": lambda: _images(layers.SeparableConv2D(8, 3, activation="relu")),
        "batch normalization": lambda: _images(conv(8, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()),
        "layer normalization": lambda: _images(conv(8, 3, activation="relu"), layers.LayerNormalization()),
        "Normalization layer": _normalized,
        "Rescaling and RandomFlip": lambda: _images(layers.RandomFlip("vertical"), layers.Rescaling(2.0), conv(8, 3)),
        "Permute and Resizing": lambda: _images(layers.Permute((2, 1, 3)), layers.Resizing(10, 10), conv(8, 3)),
        "upsampling, transposed": lambda: _images(layers.UpSampling2D(2), layers.Conv2DTranspose(4, 3, strides=2)),
        "residual, concatenated": _residual,
        "squeeze and excitation": _squeezed,
        "mixed precision": _mixed_precision,
    }
    sequences: dict[str, Callable[[], Any]] = {
        "LSTM": lambda: _steps(layers.LSTM(16)),
        "GRU": lambda: _steps(layers.GRU(16)),
        "bidirectional LSTM": lambda: _steps(layers.Bidirectional(layers.LSTM(8))),
        "SimpleRNN": lambda: _steps(layers.SimpleRNN(16)),
        "1-D convolution": lambda: _steps(layers.Conv1D(16, 3, activation="relu"), layers.Flatten()),
        "attention": _attention,
    }
    return {
        **{name: (make, digits, "unit") for name, make in images.items()},
        "uint8 input": (lambda: _images(layers.Rescaling(1 / 255), conv(8, 3), dtype="uint8"), digits, "none"),
        **{name: (make, lines, "none") for name, make in sequences.items()},
        "embedding of words": (_embedded, words, "none"),
        "one sigmoid": (_table(1, "sigmoid"), tables, "none"),
        "logits of a table": (_table(2, None), tables, "none"),
    }


def _train(model: Any, rows: Any, labels: Any) -> None:
    module = keras()
    binary = model.output_shape[-1] == 1
    logits = getattr(model.layers[-1].activation, "__name__", "") == "linear"
    loss = "binary_crossentropy" if binary else module.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(module.optimizers.Adam(0.003), loss)
    model.fit(rows, labels, epochs=_EPOCHS if len(labels) > 2000 else 40, batch_size=64, verbose=0)


def visit(name: str) -> dict[str, Any]:
    """Trains and exports one kind; returns its row."""
    make, data, preprocess = _kinds()[name]
    keras().utils.set_random_seed(0)
    model, (rows, labels) = make(), data()
    start = time.perf_counter()
    _train(model, rows / 255 if preprocess == "unit" else rows, labels)
    row: dict[str, Any] = {"kind": name, "training_seconds": round(time.perf_counter() - start, 1)}
    with tempfile.TemporaryDirectory() as directory:
        try:
            report = numbre_export.export_model(
                model, (rows, labels), Path(directory) / "out", gate=_GATE, preprocess=preprocess
            )
        except NumbreError as error:
            return row | {"files": {}, "error": str(error)}
    files = {item.file: item.verdict for item in report.outcomes}
    identical = [
        bool(np.array_equal(item.made.runs[0].raw, run.raw))
        for item in report.outcomes
        if item.made is not None
        for run in item.made.runs[1:]
    ]
    return row | {"files": files, "keras": report.manifest.keras_accuracy, "same bits": identical}


def main() -> int:
    """Visits the kinds that are named, or all; prints and writes the table."""
    chosen = sys.argv[1:] or list(_kinds())
    rows = []
    for name in chosen:
        rows.append(visit(name))
        row = rows[-1]
        integer = {file: verdict for file, verdict in row["files"].items() if "float" not in file}
        words = ", ".join(f"{file.removeprefix('model.')} {verdict}" for file, verdict in integer.items())
        same = {True: "same bits", False: "other bits"}.get(all(row["same bits"])) if row.get("same bits") else "–"
        print(f"{name:26} {row.get('keras', 0):7.2%}  {words or row.get('error')}  {same}", flush=True)
        RESULTS.write_text(json.dumps({"load_average": os.getloadavg()[0], "kinds": rows}, indent=1) + "\n")
    good = ("pass", "cannot tell")
    count = sum(any(v in good and "float" not in f for f, v in row["files"].items()) for row in rows)
    print(f"{count} of {len(rows)} kinds have an integer or mixed file")
    return 0


if __name__ == "__main__":
    sys.exit(main())
