"""The function that the engine runs on its workers: columns of pictures in, columns of answers out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import daft
import numpy as np
import pyarrow as pa
from daft import DataType

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import MANIFEST
from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import ImageError, one_line
from numbre_runtime.loading import load
from numbre_runtime.scoring.columns import batch_of_pixels

BATCH_ROWS = 8192
"""Rows of arrays that a worker scores in one call."""
PICTURE_ROWS = 64
"""Pictures that a worker scores in one call; each one is opened and prepared by itself."""

_BOX = DataType.list(DataType.int32())
ANSWER = DataType.struct(
    {
        "label": DataType.string(),
        "confidence": DataType.float32(),
        "recognized": DataType.bool(),
        "box": _BOX,
        "error": DataType.string(),
        "seen": DataType.binary(),
    }
)
"""A row of one digit. `box` is left, top, right, bottom in the upright picture's pixels, null for an array; `error` is
null unless the picture cannot be read; `seen` is the network's input as uint8 bytes, null where the answer is sure."""
NUMBER = DataType.list(
    DataType.struct(
        {"text": DataType.string(), "confidence": DataType.float32(), "box": _BOX, "error": DataType.string()}
    )
)
"""All numbers of one page."""
_SURE = 0.999
"""Rows below this confidence also return the pixels that the network saw, so that the report can show them."""

_MISSING = "the picture is missing or cannot be fetched"

_ANSWER_ARROW = pa.struct(
    [
        ("label", pa.large_string()),
        ("confidence", pa.float32()),
        ("recognized", pa.bool_()),
        ("box", pa.large_list(pa.int32())),
        ("error", pa.large_string()),
        ("seen", pa.large_binary()),
    ]
)


def bundle_files(path: Path) -> dict[str, bytes]:
    """A bundle's files, name to content, as they travel to the workers, which verify them again."""
    return {entry.name: entry.read_bytes() for entry in sorted(path.iterdir()) if entry.is_file()}


def identity(files: Mapping[str, bytes]) -> str:
    """The bundle's identity: the SHA-256 of its manifest, which holds the SHA-256 of every other file."""
    return hashlib.sha256(files[MANIFEST]).hexdigest()


class _ArrayScorer:
    """Scores columns of pixels. A worker loads the bundle once, and verifies its hashes and golden vectors."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._classifier = load_from_files(files)

    @daft.method.batch(return_dtype=ANSWER, batch_size=BATCH_ROWS)
    def arrays(self, pixels: daft.Series) -> pa.Array:
        """Scores rows of pixels."""
        return score_arrays(self._classifier, pixels.to_arrow())


def array_scorer(files: Mapping[str, bytes]) -> Any:
    """An `_ArrayScorer`; it runs in the engine's own threads, because its work is done outside Python."""
    return daft.cls(_ArrayScorer)(dict(files))


class _PictureScorer:
    """Scores columns of pictures; opening and preparing them is Python's work, so that each core has a process."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._classifier = load_from_files(files)

    @daft.method.batch(return_dtype=ANSWER, batch_size=PICTURE_ROWS)
    def pictures(self, names: daft.Series, contents: daft.Series) -> pa.Array:
        """Scores pictures of one digit each."""
        rows = [_score_picture(self._classifier, item) for item in _pictures(names, contents)]
        return pa.array(rows, _ANSWER_ARROW)

    @daft.method.batch(return_dtype=NUMBER, batch_size=PICTURE_ROWS)
    def pages(self, names: daft.Series, contents: daft.Series) -> list[list[dict[str, Any]]]:
        """Reads all numbers of each picture."""
        return [_read_page(self._classifier, item) for item in _pictures(names, contents)]


def picture_scorer(files: Mapping[str, bytes], processes: int) -> Any:
    """A `_PictureScorer` with so many processes."""
    return daft.cls(_PictureScorer, use_process=processes > 1, max_concurrency=processes)(dict(files))


def _pictures(names: daft.Series, contents: daft.Series) -> list[str | bytes | None]:
    """Each row's encoded picture, or its path on this machine where it has no address; None if it cannot be had."""
    return [
        content if content is not None else None if name is None or "://" in name else name
        for name, content in zip(names.to_pylist(), contents.to_pylist(), strict=True)
    ]


def load_from_files(files: Mapping[str, bytes]) -> Classifier:
    """Loads a bundle from its files' contents; checks hashes and golden vectors as `load` does.

    Raises:
        BundleError: A file is missing or altered.
        BackendError: No engine of this worker runs it rightly.
    """
    with tempfile.TemporaryDirectory(prefix="numbre-") as directory:
        for name, content in files.items():
            (Path(directory) / Path(name).name).write_bytes(content)
        with quiet_engine():
            return load(directory)


def score_arrays(classifier: Classifier, pixels: pa.Array) -> pa.Array:
    """Scores an Arrow column of pixel lists; a row that is no image of the model's shape gets an error text."""
    rows, errors = batch_of_pixels(pixels, classifier.input)
    raw = classifier.predict_batch(rows) if len(rows) else np.zeros((0, len(classifier.labels)), np.float32)
    good = np.array([error is None for error in errors], bool)
    scores = np.zeros((len(pixels), len(classifier.labels)), np.float32)
    scores[good] = raw
    answers = scores.copy()
    if classifier.none_label is not None:
        answers[:, classifier.labels.index(classifier.none_label)] = -1
    best = answers.argmax(axis=1)
    confidence = scores[np.arange(len(best)), best]
    labels = pa.DictionaryArray.from_arrays(
        pa.array(best.astype(np.int32), mask=~good), pa.array(classifier.labels, pa.large_string())
    ).cast(pa.large_string())
    unsure = np.zeros(len(pixels), bool)
    unsure[good] = confidence[good] < _SURE
    seen: list[bytes | None] = [None] * len(pixels)
    if rows.dtype == np.uint8:
        positions = np.cumsum(good) - 1
        for index in np.flatnonzero(unsure):
            seen[index] = rows[positions[index]].tobytes()
    return pa.StructArray.from_arrays(
        [
            labels,
            pa.array(confidence, mask=~good),
            pa.array((confidence >= classifier.threshold) & good),
            pa.nulls(len(pixels), pa.large_list(pa.int32())),
            pa.array(errors, pa.large_string()),
            pa.array(seen, pa.large_binary()),
        ],
        fields=list(_ANSWER_ARROW),
    )


def _score_picture(classifier: Classifier, item: Any) -> dict[str, Any]:
    if item is None:
        return {"recognized": False, "error": _MISSING}
    try:
        prediction = classifier.predict(item)
    except ImageError as error:
        return {"recognized": False, "error": one_line(error)}
    unsure = prediction.confidence < _SURE and prediction.found is not None
    seen = prediction.seen.tobytes() if unsure and prediction.seen is not None else None
    box = None if prediction.found is None else list(prediction.found.box)
    return {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "recognized": prediction.recognized,
        "box": box,
        "error": None,
        "seen": seen,
    }


def _read_page(classifier: Classifier, item: Any) -> list[dict[str, Any]]:
    from numbre_runtime.page import read

    if item is None:
        return [{"text": None, "confidence": None, "box": None, "error": _MISSING}]
    try:
        page = read(item, classifier)
    except ImageError as error:
        return [{"text": None, "confidence": None, "box": None, "error": one_line(error)}]
    return [
        {"text": number.text, "confidence": number.confidence, "box": list(number.box), "error": None}
        for number in page.numbers
    ]
