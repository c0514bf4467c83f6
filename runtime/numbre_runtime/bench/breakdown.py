"""Where the time of one prediction goes, from a picture file to an answer."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.backends import backend
from numbre_runtime.bundle import Bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.manifest import Artifact
from numbre_runtime.tensors import as_rows, encoder, row_decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = ("decode", "preprocess", "quantize", "invoke", "dequantize", "rest", "empty model")
"""A PNG file's bytes to pixels, pixels to the network's input, to the artifact's numbers, the engine's call, its
numbers to scores, what `predict` takes beyond the last three; and, for comparison, the engine's call with a model that
does nothing, which no model can go below."""
PICTURE_SIDE = 448
"""Side in pixels of the square grey PNG that is decoded and preprocessed."""
_CALLS, _SECONDS = 200, 0.1
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
    encode, decode = encoder(manifest.input, artifact.input), row_decoder(artifact, manifest.output)
    rows = as_rows(images[:1], manifest.input.shape, manifest.input.dtype)
    stored = encode(rows)
    raw = session.run(stored)
    result = {
        "quantize": _median_us(lambda: encode(rows)),
        "invoke": _median_us(lambda: session.run(stored)),
        "dequantize": _median_us(lambda: decode(raw[0])),
    }
    classifier = Classifier(artifact, manifest, session)
    call = _median_us(lambda: classifier.predict(images[0]))
    result["rest"] = max(call - sum(result.values()), 0.0)
    empty = engine.open_model((Path(__file__).parent / _EMPTY[artifact.format]).read_bytes(), threads)
    nothing = np.zeros((1, 1), np.int8 if artifact.format == "tflite" else np.float32)
    result["empty model"] = _median_us(lambda: empty.run(nothing))
    if manifest.input.picture != "none":
        result.update(_picture_parts(classifier, images[0], call))
    return result


def _picture_parts(classifier: Classifier, image: NDArray[Any], call: float) -> dict[str, float]:
    """Decoding and preprocessing of a picture of that image, of which `predict` as an array takes `call` µs."""
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
        # The test image is blank, which ends before the network.
        return {}
    both = _median_us(lambda: classifier.predict(picture))
    return {"decode": _median_us(decoded), "preprocess": max(both - call, 0.0)}


def _median_us(call: Callable[[], object]) -> float:
    """Median microseconds of some calls, after a tenth as many that are not counted."""
    times: list[int] = []
    clock, end = time.perf_counter_ns, time.perf_counter() + _SECONDS
    while len(times) < _CALLS and (len(times) < 3 or time.perf_counter() < end):
        start = clock()
        call()
        times.append(clock() - start)
    return float(np.median(times[len(times) // 10 :])) / 1e3
