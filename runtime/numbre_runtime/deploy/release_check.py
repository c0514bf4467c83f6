"""`python -m numbre_runtime.deploy.release_check` runs on the board, in a release's own environment, before the switch.

It loads the bundle as a service would: signature, digests, the engine's probe, a trial of the model file in a child
process, golden vectors; then it measures. Its answer is one JSON object on standard output; what is wrong is the last
line of standard error, and the exit code 3.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.bench.timing import call_times, peak_rss
from numbre_runtime.bundle import Bundle, read_bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import NumbreError, one_line
from numbre_runtime.loading import load_bundle
from numbre_runtime.text import json_text

_MISSED = 3
_QUESTIONS = 10
"""Golden vectors that the service is asked after the switch."""
_SECONDS, _BLOCK, _MOST_BLOCKS, _WARM_UP = 2.0, 100, 20, 50


def main(argv: Sequence[str] | None = None) -> int:
    """Checks one bundle; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--golden-only", action="store_true")
    parser.add_argument("--backend")
    for name in ("--max-p99-us", "--max-rss-bytes", "--min-accuracy"):
        parser.add_argument(name, type=float)
    args = parser.parse_args(argv)
    try:
        bundle = read_bundle(args.bundle)
        classifier = load_bundle(bundle, args.backend)
        memory = peak_rss()
        questions = _questions(bundle, classifier)
        found: dict[str, Any] = {"version": bundle.version, "questions": questions, "backend": classifier.backend}
        if not args.golden_only:
            found |= {"rss_bytes": memory, **_figures(bundle, classifier, args.min_accuracy is not None)}
            _compare(found, args)
    except NumbreError as cause:
        sys.stderr.write(f"{one_line(cause)}\n")
        return _MISSED
    sys.stdout.write(f"{json_text(found)}\n")
    return 0


def _questions(bundle: Bundle, classifier: Classifier) -> list[dict[str, Any]]:
    """Requests of the Open Inference Protocol, each with the label that this board's engine just gave."""
    spec = bundle.manifest.input
    datatype = "UINT8" if spec.dtype == "uint8" else "FP32"
    result = []
    for values in bundle.golden().inputs[:_QUESTIONS]:
        tensor = {"name": "input", "datatype": datatype, "shape": [1, *spec.shape], "data": values.ravel().tolist()}
        result.append({"request": {"inputs": [tensor]}, "label": classifier.predict(values).label})
    return result


def _figures(bundle: Bundle, classifier: Classifier, accuracy: bool) -> dict[str, Any]:
    images = bundle.golden().inputs
    call_times(classifier.predict, [images[index % len(images)] for index in range(_WARM_UP)])
    times: list[NDArray[np.int64]] = []
    end = time.perf_counter() + _SECONDS
    while not times or (time.perf_counter() < end and len(times) < _MOST_BLOCKS):
        times.append(call_times(classifier.predict, [images[index % len(images)] for index in range(_BLOCK)]))
    p50, p99 = (float(value) / 1e3 for value in np.percentile(np.concatenate(times), (50, 99)))
    found: dict[str, Any] = {"p50_us": p50, "p99_us": p99, "calls": _BLOCK * len(times)}
    data = bundle.test_data() if accuracy else None
    if data is not None:
        right = classifier.predict_raw(data.images).argmax(axis=1) == data.labels
        found |= {"accuracy": float(right.mean()), "test_images": len(right)}
    return found


def _compare(found: dict[str, Any], bounds: argparse.Namespace) -> None:
    """Holds the figures against the bounds.

    Raises:
        NumbreError: One is missed, or cannot be told.
    """
    if bounds.max_p99_us is not None and found["p99_us"] > bounds.max_p99_us:
        raise NumbreError(f"p99 is {found['p99_us']:,.1f} µs, at most {bounds.max_p99_us:,.1f} µs are allowed")
    if bounds.max_rss_bytes is not None and found["rss_bytes"] > bounds.max_rss_bytes:
        raise NumbreError(
            f"memory is {found['rss_bytes'] / 1e6:.1f} MB, at most {bounds.max_rss_bytes / 1e6:.1f} MB are allowed"
        )
    if bounds.min_accuracy is not None:
        if "accuracy" not in found:
            raise NumbreError("accuracy cannot be told, the bundle has no test data; numbre-export --with-test-data")
        if found["accuracy"] < bounds.min_accuracy:
            raise NumbreError(f"accuracy is {found['accuracy']:.4f}, at least {bounds.min_accuracy:.4f} is demanded")


if __name__ == "__main__":
    sys.exit(main())
