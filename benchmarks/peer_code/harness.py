"""Measures one peer in an environment that holds nothing but the peer; prints a line of JSON.

Usage: harness.py MODULE FOLDER prepare|cold|measure

MODULE is a file of this folder with `load(folder)`, which returns a pair of functions, one uint8 image (28, 28) to its
digit and images (N, 28, 28) to digits (N,); and, if something has to be trained before, `prepare(folder)`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Peer = tuple[Callable[[Images], int], Callable[[Images], NDArray[Any]]]
_WARM_UP, _SAMPLES, _SECONDS = 20, 10_000, 15.0
_BATCH_RUNS, _BATCH_SECONDS = 5, 10.0


def peak_rss_mb() -> float:
    """The most memory that this process has held, in MB of 10^6 bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


def measure(peer: Peer, images: Images, labels: NDArray[Any]) -> dict[str, Any]:
    """Single images and batches, timed; accuracy on as many images as the peer gets through."""
    single, batch = peer
    for image in images[:_WARM_UP]:
        single(image)
    times = []
    end = time.perf_counter() + _SECONDS
    for index in range(_SAMPLES):
        start = time.perf_counter()
        single(images[index % len(images)])
        times.append(time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    rates: list[float] = []
    end = time.perf_counter() + _BATCH_SECONDS
    answers = batch(images)
    while len(rates) < _BATCH_RUNS and (not rates or time.perf_counter() < end):
        start = time.perf_counter()
        batch(images)
        rates.append(len(images) / (time.perf_counter() - start))
    return {
        "images": len(images),
        "accuracy": float((answers == labels[: len(images)]).mean()),
        "p50_us": float(np.percentile(times, 50)) * 1e6,
        "p99_us": float(np.percentile(times, 99)) * 1e6 if len(times) >= _SAMPLES else None,
        "samples": len(times),
        "images_per_second": float(np.median(rates)),
    }


def main() -> int:
    """Does one mode."""
    name, place, mode = sys.argv[1:]
    folder, module = Path(place), import_module(name)
    if mode == "prepare":
        if hasattr(module, "prepare"):
            module.prepare(folder)
        return 0
    peer: Peer = module.load(folder)
    if mode == "cold":
        digit = peer[0](np.load(folder / "one.npy"))
        print(json.dumps({"digit": int(digit), "peak_rss_mb": peak_rss_mb()}))
        return 0
    with np.load(folder / "test.npz") as data:
        images, labels = data["images"], data["labels"]
    print(json.dumps(measure(peer, images[: getattr(module, "IMAGES", len(images))], labels)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
