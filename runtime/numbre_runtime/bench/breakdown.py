"""Where the time of one prediction goes, from a picture file to an answer."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.backends import backend
from numbre_runtime.backends.base import Session
from numbre_runtime.bundle import Bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.manifest import Artifact, InputSpec
from numbre_runtime.tensors import as_rows, encoder, row_decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = ("decode", "preprocess", "quantize", "invoke", "dequantize", "rest", "empty model")
"""A PNG file's bytes to pixels, pixels to the network's input, to the artifact's numbers, the engine's call, its
numbers to scores, and the rest of `predict` (slightly negative where the clock is coarse). The last part, for
comparison, is the engine's call with a model that does nothing: the least that any model takes."""
PICTURE_SIDE = 448
"""Side in pixels of the square grey PNG that is decoded and preprocessed."""
_WARM_UP, _CALLS, _SECONDS = 20, 400, 0.1
_EMPTY = {"tflite": "empty.tflite", "onnx": "empty.onnx"}


def breakdown(
    bundle: Bundle, artifact: Artifact, backend_name: str, threads: int, images: NDArray[Any]
) -> dict[str, float]:
    """Median microseconds of each of `PARTS` that this model has.

    Args:
        bundle: The bundle.
        artifact: One of its artifacts.
        backend_name: The backend that runs it.
        threads: Threads for the engine.
        images: (N, *input shape), the first of which is taken.

    Raises:
        BackendError: The engine does not load it.
    """
    manifest = bundle.manifest
    engine = backend(backend_name)
    session = engine.open_model(bundle.contents[artifact.file], threads)
    classifier = Classifier(artifact, manifest, session)
    write, run = _steps(manifest.input, classifier, session, images[:1])
    decode = row_decoder(artifact, manifest.output, manifest.temperature)
    write()
    stored = run()[0]
    medians = _medians_us(
        {
            "quantize": write,
            "invoke": run,
            "dequantize": lambda: decode(stored),
            "predict": lambda: classifier.predict(images[0]),
        }
    )
    call = medians.pop("predict")
    empty = engine.open_model((Path(__file__).parent / _EMPTY[artifact.format]).read_bytes(), threads)
    nothing = empty.runner(np.zeros((1, 1), np.int8 if artifact.format == "tflite" else np.float32))
    result = {**medians, "rest": call - sum(medians.values()), **_medians_us({"empty model": nothing})}
    if manifest.input.picture != "none":
        result.update(_picture_parts(classifier, images[0], call))
    return result


def _steps(
    spec: InputSpec, classifier: Classifier, session: Session, images: NDArray[Any]
) -> tuple[Callable[[], object], Callable[[], NDArray[Any]]]:
    """Returns the two functions that `Classifier.predict` calls: write the first of the images, run the model."""
    if spec.dtype == "uint8":
        write, run = classifier.fast_path()
        return lambda: write(images[0]), run
    encode = encoder(spec, classifier.artifact.input)
    rows = as_rows(images, spec.shape, spec.dtype)
    stored = encode(rows)
    return lambda: encode(rows), lambda: session.run(stored)


def _picture_parts(classifier: Classifier, image: NDArray[Any], call: float) -> dict[str, float]:
    """Times decoding and preprocessing of a picture; `predict` takes `call` µs for the same image as an array."""
    from PIL import Image

    small = Image.fromarray(image.reshape(image.shape[:2]) if image.shape[2:] == (1,) else image)
    stream = io.BytesIO()
    small.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BILINEAR).save(stream, "PNG")
    content = stream.getvalue()

    def decoded() -> Image.Image:
        picture = Image.open(io.BytesIO(content), formats=("PNG",))
        picture.load()
        return picture

    picture = decoded()
    if not classifier.predict(picture).label:
        # The test image is blank, and a blank picture never reaches the network.
        return {}
    medians = _medians_us({"decode": decoded, "both": lambda: classifier.predict(picture)})
    return {"decode": medians["decode"], "preprocess": medians["both"] - call}


def _medians_us(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median microseconds of each call, made in turn; the time that reading the clock takes is subtracted."""
    everything: dict[str, Callable[[], object]] = {**calls, "nothing": lambda: None}
    times: dict[str, list[int]] = {name: [] for name in everything}
    clock, end = time.perf_counter_ns, time.perf_counter() + len(calls) * _SECONDS
    for turn in range(_WARM_UP + _CALLS):
        if turn >= 3 and time.perf_counter() > end:
            break
        for name, call in everything.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    medians = {name: float(np.median(values[min(_WARM_UP, len(values) // 2) :])) for name, values in times.items()}
    return {name: (medians[name] - medians["nothing"]) / 1e3 for name in calls}
