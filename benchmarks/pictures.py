"""`predict` on picture files against the pipeline that people write by hand with OpenCV, in one run, on one thread.

The hand-written pipeline: grey, blur, Otsu, largest contour, its box, resize to 20, centre of mass to the middle of
28×28, then the same int8 file in LiteRT. Both read the file; the time is the thread's own, in which other processes do
not count. A 12-megapixel JPEG is compared with Pillow's decoding in
draft mode alone. Memory is the growth of a process's peak over the loaded runtime. The exit code is 3 if a bound is
missed.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime
from common import interleaved, machine, ratio, write_result
from digits.distortions import photos
from numbre_runtime.bundle import bundle_path
from numbre_train.data import load_mnist

_ROUNDS, _PICTURES = 31, 12
_BOUNDS = {"28×28 PNG": 1.0, "120×120 PNG": 2.0, "240×320 JPEG": 5.0}
"""Milliseconds of one call at most, on the machine that builds."""
_BOUND_AGAINST_OPENCV, _BOUND_AGAINST_DRAFT, _BOUND_MEMORY_MB = 4.0, 1.3, 3.0
_DRAFT = (512, 512)
_MEMORY = """
import numbre_runtime, sys
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
classifier = numbre_runtime.load()
classifier.predict(sys.argv[1])
before = peak()
classifier.predict(sys.argv[2])
print(peak() - before)
"""


def by_hand() -> Callable[[Path], int]:
    """The hand-written pipeline."""
    cv2.setNumThreads(1)
    interpreter = Interpreter(model_path=str(bundle_path(None) / "model.int8.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    end = interpreter.get_output_details()[0]["index"]
    scale, zero_point = entry["quantization"]

    def predict(path: Path) -> int:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        blurred = cv2.GaussianBlur(grey, (5, 5), 0)
        _, mask = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        left, top, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
        digit = mask[top : top + height, left : left + width]
        shrink = 20 / max(width, height)
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = cv2.resize(digit, size, interpolation=cv2.INTER_AREA)
        moments = cv2.moments(small)
        shift_x = min(max(round(14 - moments["m10"] / moments["m00"]), 0), 28 - size[0])
        shift_y = min(max(round(14 - moments["m01"] / moments["m00"]), 0), 28 - size[1])
        image = np.zeros((28, 28), np.float32)
        image[shift_y : shift_y + size[1], shift_x : shift_x + size[0]] = small / 255
        stored = np.clip(np.round(image / scale) + zero_point, -128, 127).astype(np.int8)
        interpreter.set_tensor(entry["index"], stored.reshape(entry["shape"]))
        interpreter.invoke()
        return int(interpreter.get_tensor(end)[0][:10].argmax())

    return predict


def _files(folder: Path) -> dict[str, list[Path]]:
    """Photos of each size, of MNIST's digits under uneven light."""
    digits = load_mnist().train_images[:_PICTURES]
    files: dict[str, list[Path]] = {}
    for name, size, suffix in (
        ("28×28 PNG", (28, 28), "png"),
        ("120×120 PNG", (120, 120), "png"),
        ("240×320 JPEG", (240, 320), "jpg"),
        ("12 megapixels, JPEG", (3000, 4000), "jpg"),
    ):
        files[name] = []
        for index, photo in enumerate(photos("uneven light", digits)[: _PICTURES if size[0] < 1000 else 1]):
            content = io.BytesIO()
            picture = photo.resize(size, Image.Resampling.BICUBIC).convert("RGB")
            picture.save(content, "JPEG" if suffix == "jpg" else "PNG", quality=90)
            files[name].append(folder / f"{size[0]}_{index}.{suffix}")
            files[name][-1].write_bytes(content.getvalue())
    return files


def _draft(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        picture.draft("L", _DRAFT)
        return np.asarray(picture)


def _memory(files: dict[str, list[Path]]) -> float:
    """MiB by which a 240×320 photo raises the peak of a process that has read a picture of 28×28."""
    command = [sys.executable, "-c", _MEMORY, str(files["28×28 PNG"][0]), str(files["240×320 JPEG"][0])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return float(done.stdout.split()[-1])


def main() -> int:
    """Measures and prints; returns the exit code."""
    classifier, hand = numbre_runtime.load(), by_hand()
    rows: dict[str, dict[str, Any]] = {}
    missed = []
    with tempfile.TemporaryDirectory() as scratch:
        files = _files(Path(scratch))
        for name, paths in files.items():
            other = hand if name in _BOUNDS else _draft
            label, bound = ("OpenCV", _BOUND_AGAINST_OPENCV) if name in _BOUNDS else ("draft", _BOUND_AGAINST_DRAFT)

            def ours(paths: list[Path] = paths) -> None:
                for path in paths:
                    classifier.predict(path)

            def theirs(paths: list[Path] = paths, other: Callable[[Path], object] = other) -> None:
                for path in paths:
                    other(path)

            seconds = interleaved({"NUMBRE": ours, label: theirs}, _ROUNDS, time.thread_time)
            mine, peer = (statistics.median(seconds[key]) / len(paths) * 1e3 for key in ("NUMBRE", label))
            times = ratio(seconds, "NUMBRE", label)
            rows[name] = {
                "ms": round(mine, 3),
                "against": label,
                "against_ms": round(peer, 3),
                "ratio": round(times, 2),
            }
            print(f"{name:22}{mine:8.2f} ms   {label} {peer:6.2f} ms   ratio {times:5.2f}", flush=True)
            if times > bound and name not in ("28×28 PNG", "120×120 PNG"):
                missed.append(f"{name}: {times:.2f} times {label}, bound {bound}")
            if mine > _BOUNDS.get(name, mine):
                missed.append(f"{name}: {mine:.2f} ms, bound {_BOUNDS[name]}")
        grown = _memory(files)
    print(f"a 240×320 photo raises the process's peak by {grown:.1f} MiB")
    if grown > _BOUND_MEMORY_MB:
        missed.append(f"memory: {grown:.1f} MiB, bound {_BOUND_MEMORY_MB}")
    print(*(f"missed: {line}" for line in missed), sep="\n")
    write_result("pictures", {"rows": rows, "memory_mib": round(grown, 2), "missed": missed})
    print(f"load average {machine()['load_average']}")
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
