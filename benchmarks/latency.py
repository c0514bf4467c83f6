"""The runtime's `predict` and `predict_batch` against the loops that people write by hand, in one run, one thread.

The hand-written loops do the whole work: pixels in, the answer's number and its score out.
"""

from __future__ import annotations

import functools
import statistics
import sys
from collections.abc import Callable

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

import numbre_runtime
from common import interleaved, machine, ratio, write_result
from numbre_runtime.bundle import NUMBRE_BUNDLE
from numbre_train.data import load_mnist

SINGLES, ROUNDS, BATCH_ROUNDS = 1000, 41, 41
BATCH_SIZES = (50, 100, 250, 500, 1000, 2000, 10_000)
"""All divide 10,000, so that every loop does all images."""
BOUNDS = {
    "single, against hand-written LiteRT int8": 1.0,
    "single, against hand-written onnxruntime float32": 0.6,
    "batch of 10,000, against the best hand-written LiteRT loop": 1 / 0.95,
}
"""Largest ratio of our time to theirs."""

Images = NDArray[np.uint8]


def by_hand_litert(rows: int) -> tuple[Interpreter, int, int]:
    """An interpreter of the int8 file for so many rows at a time, and the numbers of its input and output."""
    interpreter = Interpreter(model_path=str(NUMBRE_BUNDLE / "model.int8.tflite"), num_threads=1)
    number = interpreter.get_input_details()[0]["index"]
    if rows > 1:
        interpreter.resize_tensor_input(number, [rows, 784])
    interpreter.allocate_tensors()
    return interpreter, number, interpreter.get_output_details()[0]["index"]


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


def onnx_single() -> Callable[[Images], tuple[int, float]]:
    """The same with onnxruntime and the float32 file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(NUMBRE_BUNDLE / "model.float32.onnx"), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def predict(image: Images) -> tuple[int, float]:
        values = image.reshape(1, 784).astype(np.float32) / 255
        scores = session.run(None, {name: values})[0][0]
        best = int(np.argmax(scores))
        return best, float(scores[best])

    return predict


def litert_batch(rows: int) -> Callable[[Images], NDArray[np.float32]]:
    """The fast way by hand: quantize by XOR, so many rows in one call, dequantize all at the end."""
    interpreter, entry, end = by_hand_litert(rows)
    out_scale, out_zero_point = interpreter.get_output_details()[0]["quantization"]

    def predict(images: Images) -> NDArray[np.float32]:
        stored = np.empty((len(images), 10), np.int8)
        quantized = (images.reshape(-1, 784) ^ 128).view(np.int8)
        for start in range(0, len(images), rows):
            interpreter.set_tensor(entry, quantized[start : start + rows])
            interpreter.invoke()
            stored[start : start + rows] = interpreter.get_tensor(end)
        scores: NDArray[np.float32] = (stored.astype(np.float32) - out_zero_point) * np.float32(out_scale)
        return scores

    return predict


def main() -> int:
    """Measures, prints, writes results/latency.json; exit code 1 if a bound is missed."""
    images = load_mnist().test_images
    singles = list(images[:SINGLES])
    classifier = numbre_runtime.load(NUMBRE_BUNDLE, backend="litert", artifact="model.int8.tflite")
    hand, onnx = litert_single(), onnx_single()

    def each(predict: Callable[[Images], object]) -> Callable[[], object]:
        return lambda: [predict(image) for image in singles]

    single = interleaved(
        {"numbre": each(classifier.predict), "litert by hand": each(hand), "onnxruntime by hand": each(onnx)}, ROUNDS
    )
    loops = {f"litert by hand, {rows} rows": litert_batch(rows) for rows in BATCH_SIZES}
    candidates: dict[str, Callable[[], object]] = {"numbre": lambda: classifier.predict_batch(images)}
    candidates.update({name: functools.partial(loop, images) for name, loop in loops.items()})
    batch = interleaved(candidates, BATCH_ROUNDS)
    best = min(loops, key=lambda name: statistics.median(batch[name]))

    ratios = dict(
        zip(
            BOUNDS,
            (
                ratio(single, "numbre", "litert by hand"),
                ratio(single, "numbre", "onnxruntime by hand"),
                ratio(batch, "numbre", best),
            ),
            strict=True,
        )
    )
    micros = {name: statistics.median(times) / SINGLES * 1e6 for name, times in single.items()}
    batch_micros = {name: statistics.median(times) / len(images) * 1e6 for name, times in batch.items()}
    print(f"{machine()['cpu']}, one thread, medians\n\nsingle images, µs each")
    print(*(f"  {name:28} {value:7.2f}" for name, value in micros.items()), sep="\n")
    print("batch of 10,000, µs an image")
    print(*(f"  {name:28} {value:7.3f}" for name, value in batch_micros.items()), sep="\n")
    print("ratios of our time to theirs, in the same round")
    print(*(f"  {name}: {value:.2f} (at most {BOUNDS[name]:.2f})" for name, value in ratios.items()), sep="\n")
    write_result("latency", {"single_us": micros, "batch_us": batch_micros, "ratios": ratios, "bounds": BOUNDS})
    return int(any(ratios[name] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
