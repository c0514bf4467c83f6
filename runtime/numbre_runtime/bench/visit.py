"""One visit to a case: a fresh process that loads the artifact and times it, and dies alone if the engine does."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.bench.breakdown import breakdown
from numbre_runtime.bench.case import Case
from numbre_runtime.bench.conditions import megahertz
from numbre_runtime.bench.images import test_images
from numbre_runtime.bench.timing import call_times, peak_rss
from numbre_runtime.bundle import read_bundle
from numbre_runtime.child import NoChildError, run_child, say
from numbre_runtime.classifier import Classifier, open_artifact
from numbre_runtime.errors import BackendUnsupportedError, NumbreError, one_line
from numbre_runtime.loading import replay

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TIMEOUT_S = 900.0
_WARM_UP, _WARM_UP_S = 200, 1.0
_BLOCK, _SAME_BLOCK = 100, 25
"""Calls on different images, then calls on one image, again and again, so that drift hits both alike."""
_BATCH_IMAGES, _BATCH_S, _BATCH_RUNS = 10_000, 0.2, 3
_SMALL_BATCH = 256


@dataclass(frozen=True)
class Order:
    """What a visit shall do."""

    bundle: str
    """The bundle's directory."""
    artifact: str
    """File name of the artifact."""
    backend: str
    """Name of the backend."""
    threads: int
    """Threads for the engine."""
    data: str | None
    """See `images.test_images`."""
    samples: int
    """Single calls to time, at most."""
    seconds: float
    """After so many seconds of single calls it is enough, however few they were."""
    complete: bool
    """Whether to do also what need not be repeated: the parts of a call, and all test images."""


@dataclass(frozen=True)
class Visit:
    """What came of it."""

    facts: dict[str, Any]
    """What the process said; see `_measure`."""
    failure: str
    """Why there are no complete figures; empty if there are."""
    unsupported: bool = False
    """Whether the engine does not know what the model is made of, which is no fault of either."""


def visit(case: Case, bundle: Path, data: str | None, samples: int, seconds: float, complete: bool) -> Visit:
    """Measures a case once, in a process of its own; never raises for what the engine does."""
    order = Order(str(bundle.absolute()), case.artifact, case.backend, case.threads, data, samples, seconds, complete)
    code = "from numbre_runtime.bench.visit import child; child()"
    try:
        ended = run_child(
            code, json.dumps(asdict(order)), timeout_s=_TIMEOUT_S + 2 * seconds, settings=numpys_threads(case.threads)
        )
    except NoChildError as cause:
        return Visit({}, str(cause))
    facts = ended.facts
    if facts.get("done"):
        return Visit(facts, "")
    if "unsupported" in facts:
        return Visit(facts, str(facts["unsupported"]), unsupported=True)
    reason = facts.get("reason") or f"{ended.ending}, during: {facts.get('stage', 'start')}"
    return Visit(facts, str(reason))


def numpys_threads(count: int) -> dict[str, str]:
    """What keeps NumPy's libraries, OpenBLAS and others, to so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(count))


def child() -> None:
    """What runs in the child process, as sys.argv[1] orders."""
    try:
        _measure(Order(**json.loads(sys.argv[1])))
        say(done=True)
    except BackendUnsupportedError as cause:
        say(unsupported=one_line(cause))
    except NumbreError as cause:
        say(reason=one_line(cause))
    except Exception as cause:  # noqa: BLE001 - whatever an engine raises is the finding
        say(reason=f"{type(cause).__name__}: {one_line(cause)[:300]}")


def _measure(order: Order) -> None:
    say(stage="load")
    bundle = read_bundle(Path(order.bundle))
    artifact = bundle.artifact(order.artifact)
    start = time.perf_counter()
    classifier = open_artifact(bundle, artifact, order.backend, order.threads)
    say(load_ms=(time.perf_counter() - start) * 1e3, version=classifier.backend)

    say(stage="first inference")
    golden = bundle.golden()
    start = time.perf_counter()
    classifier.predict(golden.inputs[0])
    say(first_ms=(time.perf_counter() - start) * 1e3)
    say(stage="golden vectors")
    replay(classifier, golden)
    # Before the test images are read, which no device that predicts has to hold.
    say(peak_rss=peak_rss())

    data, _ = test_images(bundle, order.data)
    say(stage="single images")
    varied, same = _single_times(classifier, data.images, order.samples, order.seconds)
    say(megahertz=megahertz(), varied_ns=varied.tolist(), same_ns=same.tolist())
    say(stage="batches")
    say(images_per_second=_batch_rates(classifier, data.images))
    if order.complete:
        say(stage="parts of a call")
        say(where_us=breakdown(bundle, artifact, order.backend, order.threads, data.images))
        say(stage="accuracy")
        answers = classifier.predict_raw(data.images).argmax(axis=1)
        say(
            accuracy=float((answers == data.labels).mean()),
            agreement=None if data.answers is None else float((answers == data.answers).mean()),
        )


def _single_times(
    classifier: Classifier, images: NDArray[Any], samples: int, seconds: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nanoseconds of calls on images that all differ, and of a quarter as many on one image."""
    _warm_up(classifier, images)
    varied: list[NDArray[np.int64]] = []
    same: list[NDArray[np.int64]] = []
    end = time.perf_counter() + seconds
    # The child of the next round begins elsewhere, or a fifth of the images would be all that are ever seen.
    order = np.random.default_rng().permutation(len(images))
    for first in range(0, samples, _BLOCK):
        block = range(first, min(first + _BLOCK, samples))
        several = [_altered(images[order[index % len(order)]], index // len(order)) for index in block]
        varied.append(call_times(classifier.predict, several))
        same.append(call_times(classifier.predict, [images[order[0]]] * _SAME_BLOCK))
        if time.perf_counter() > end:
            break
    return np.concatenate(varied), np.concatenate(same)


def _altered(image: NDArray[Any], times: int) -> NDArray[Any]:
    """The image with another first and last value, so that no two calls see the same however few images there are."""
    altered = image.copy()
    values = altered.reshape(-1)
    values[:1] += values.dtype.type(times % 256)
    values[-1:] += values.dtype.type(times // 256 % 256)
    return altered


def _warm_up(classifier: Classifier, images: NDArray[Any]) -> None:
    end = time.perf_counter() + _WARM_UP_S
    for index in range(_WARM_UP):
        classifier.predict(images[index % len(images)])
        if time.perf_counter() > end:
            break


def _batch_rates(classifier: Classifier, images: NDArray[Any]) -> list[float]:
    """Images a second in some `predict_batch` calls, after two that are not counted; fewer images if they take long."""
    small = np.resize(images, (_SMALL_BATCH, *images.shape[1:]))
    classifier.predict_batch(small)
    (nanoseconds,) = call_times(classifier.predict_batch, [small])
    count = int(np.clip(_BATCH_S * 1e9 / max(nanoseconds / _SMALL_BATCH, 1), _SMALL_BATCH, _BATCH_IMAGES))
    many = np.resize(images, (count, *images.shape[1:]))
    times = call_times(classifier.predict_batch, [many] * _BATCH_RUNS)
    return [float(count / (value / 1e9)) for value in times]
