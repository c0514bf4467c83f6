"""The runtime's `predict` and `predict_batch` against the loops that people write by hand, in one run.

The hand-written loops do the whole work, pixels in, the answer's number and its score out; but for the bare one, which
is handed ready int8 data and only sets, invokes and gets.
"""

from __future__ import annotations

import functools
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

import numbre_runtime
from common import NUMBRE, interleaved, machine, other_bundles, ratio, write_result
from numbre_runtime.bundle import bundle_path
from numbre_train.data import load_mnist

SINGLES, ROUNDS, BATCH_ROUNDS = 1000, 41, 31
THREADS = (1, 2)
BATCH_SIZES = (50, 100, 250, 500, 1000, 2000, 5000, 10_000)
"""All divide 10,000, so that every loop does all images."""
ONNX_BATCH_SIZES = (100, 1000, 10_000)
BOUNDS = {
    "single, against hand-written LiteRT int8": 0.75,
    "single, against bare set_tensor, invoke, get_tensor": 2.0,
    "single, against hand-written onnxruntime float32": 0.6,
    "batch of 10,000, 1 thread, against the best hand-written loop": 1.0,
    "batch of 10,000, 2 threads, against the best hand-written loop": 1.0,
}
"""Largest ratio of our time to theirs."""

Images = NDArray[np.uint8]
_BUNDLE = bundle_path(NUMBRE)


def by_hand_litert(rows: int, threads: int = 1) -> tuple[Interpreter, int, int]:
    """An interpreter of the int8 file for so many rows at a time, and the numbers of its input and output."""
    interpreter = Interpreter(model_path=str(_BUNDLE / "model.int8.tflite"), num_threads=threads)
    number = interpreter.get_input_details()[0]["index"]
    if rows > 1:
        interpreter.resize_tensor_input(number, [rows, 784])
    interpreter.allocate_tensors()
    return interpreter, number, interpreter.get_output_details()[0]["index"]


def by_hand_onnx(threads: int = 1) -> tuple[onnxruntime.InferenceSession, str]:
    """A session of the float32 file and its input's name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(_BUNDLE / "model.float32.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return session, session.get_inputs()[0].name


def litert_single() -> Callable[[Images], tuple[int, float]]:
    """Divide by 255, quantize, set, invoke, get, dequantize, argmax."""
    interpreter, entry, end = by_hand_litert(1)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    out_scale, out_zero_point = interpreter.get_output_details()[0]["quantization"]

    def predict(image: Images) -> tuple[int, float]:
        values = image.reshape(1, 784).astype(np.float32) / 255
        quantized = np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(entry, quantized)
        interpreter.invoke()
        stored = interpreter.get_tensor(end)[0]
        scores = (stored.astype(np.float32) - out_zero_point) * out_scale
        best = int(np.argmax(scores))
        return best, float(scores[best])

    return predict


def litert_bare() -> Callable[[NDArray[np.int8]], object]:
    """Nothing but the engine's three calls, on int8 (1, 784) as the model takes it."""
    interpreter, entry, end = by_hand_litert(1)

    def predict(quantized: NDArray[np.int8]) -> object:
        interpreter.set_tensor(entry, quantized)
        interpreter.invoke()
        return interpreter.get_tensor(end)

    return predict


def onnx_single() -> Callable[[Images], tuple[int, float]]:
    """The same with onnxruntime and the float32 file."""
    session, name = by_hand_onnx()

    def predict(image: Images) -> tuple[int, float]:
        values = image.reshape(1, 784).astype(np.float32) / 255
        scores = session.run(None, {name: values})[0][0]
        best = int(np.argmax(scores))
        return best, float(scores[best])

    return predict


def litert_batch(rows: int, threads: int) -> Callable[[Images], NDArray[np.float32]]:
    """The fast way by hand: so many rows in one call, quantized by XOR just before it, dequantize all at the end."""
    interpreter, entry, end = by_hand_litert(rows, threads)
    out_scale, out_zero_point = interpreter.get_output_details()[0]["quantization"]

    def predict(images: Images) -> NDArray[np.float32]:
        stored = np.empty((len(images), 10), np.int8)
        pixels = images.reshape(-1, 784)
        for start in range(0, len(images), rows):
            interpreter.set_tensor(entry, (pixels[start : start + rows] ^ 128).view(np.int8))
            interpreter.invoke()
            stored[start : start + rows] = interpreter.get_tensor(end)
        scores: NDArray[np.float32] = (stored.astype(np.float32) - out_zero_point) * np.float32(out_scale)
        return scores

    return predict


def onnx_batch(rows: int, threads: int) -> Callable[[Images], NDArray[np.float32]]:
    """The same with onnxruntime and the float32 file."""
    session, name = by_hand_onnx(threads)

    def predict(images: Images) -> NDArray[np.float32]:
        scores = np.empty((len(images), 10), np.float32)
        pixels = images.reshape(-1, 784)
        for start in range(0, len(images), rows):
            values = pixels[start : start + rows] * np.float32(1 / 255)
            scores[start : start + rows] = session.run(None, {name: values})[0]
        return scores

    return predict


def single_times(images: Images) -> dict[str, list[float]]:
    """Seconds of `SINGLES` single images, for every candidate and round."""
    singles = list(images[:SINGLES])
    ready = [(image.reshape(1, 784) ^ 128).view(np.int8) for image in singles]

    def each(predict: Callable[[Any], object], inputs: Sequence[Any] = singles) -> Callable[[], object]:
        def run() -> None:
            for image in inputs:
                predict(image)

        return run

    classifier = numbre_runtime.load(NUMBRE, backend="litert", artifact="model.int8.tflite")
    candidates = {
        "numbre": each(classifier.predict),
        "litert by hand": each(litert_single()),
        "litert bare": each(litert_bare(), ready),
        "onnxruntime by hand": each(onnx_single()),
    }
    for name in other_bundles():
        candidates[name] = each(numbre_runtime.load(name, backend="litert").predict)
    return interleaved(candidates, ROUNDS)


def batch_times(images: Images, threads: int) -> dict[str, list[float]]:
    """Seconds of all images in batches, for every candidate and round."""
    classifier = numbre_runtime.load(NUMBRE, backend="litert", artifact="model.int8.tflite", threads=threads)
    candidates: dict[str, Callable[[], object]] = {"numbre": lambda: classifier.predict_batch(images)}
    for rows in BATCH_SIZES:
        candidates[f"litert by hand, {rows} rows"] = functools.partial(litert_batch(rows, threads), images)
    for rows in ONNX_BATCH_SIZES:
        candidates[f"onnxruntime by hand, {rows} rows"] = functools.partial(onnx_batch(rows, threads), images)
    return interleaved(candidates, BATCH_ROUNDS)


def main() -> int:
    """Measures, prints, writes results/latency.json; exit code 1 if a bound is missed."""
    images = load_mnist().test_images
    single = single_times(images)
    values = [ratio(single, "numbre", name) for name in ("litert by hand", "litert bare", "onnxruntime by hand")]
    batch_micros: dict[str, dict[str, float]] = {}
    best: dict[str, str] = {}
    for threads in THREADS:
        batch = batch_times(images, threads)
        medians = {name: statistics.median(times) for name, times in batch.items()}
        fastest = min((name for name in medians if name != "numbre"), key=lambda name: medians[name])
        values.append(ratio(batch, "numbre", fastest))
        batch_micros[str(threads)] = {name: seconds / len(images) * 1e6 for name, seconds in medians.items()}
        best[str(threads)] = fastest
    ratios = dict(zip(BOUNDS, values, strict=True))
    micros = {name: statistics.median(times) / SINGLES * 1e6 for name, times in single.items()}
    print(f"{machine()['cpu']}, medians\n\nsingle images, one thread, µs each")
    print(*(f"  {name:28} {value:7.2f}" for name, value in micros.items()), sep="\n")
    for count, times in batch_micros.items():
        print(f"batch of 10,000, {count} thread(s), µs an image")
        print(*(f"  {name:28} {value:7.3f}" for name, value in times.items()), sep="\n")
    print("ratios of our time to theirs, in the same round")
    print(*(f"  {name}: {value:.2f} (at most {BOUNDS[name]:.2f})" for name, value in ratios.items()), sep="\n")
    result = {"single_us": micros, "batch_us": batch_micros, "best_batch": best}
    write_result("latency", {**result, "ratios": ratios, "bounds": BOUNDS})
    return int(any(ratios[name] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
