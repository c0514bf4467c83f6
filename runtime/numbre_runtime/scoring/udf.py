"""The function that the engine runs on its workers: columns of pictures in, columns of answers out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import daft
import numpy as np
import pyarrow as pa
from daft import DataType

from numbre_runtime.classifier import Classifier
from numbre_runtime.scoring.columns import batch_of_pixels
from numbre_runtime.scoring.picture_answers import SURE, answers_of, best_answers, load_from_files
from numbre_runtime.scoring.pool import answer_in_pool

BATCH_ROWS = 8192
"""Rows of arrays that a worker scores in one call."""
PICTURE_ROWS = 2048
"""Pictures of one call; each one is opened and prepared by itself."""

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
    """Scores columns of pictures, in so many processes."""

    def __init__(self, files: dict[str, bytes], processes: int) -> None:
        self._files, self._processes = files, processes
        self._classifier = load_from_files(files) if processes == 1 else None

    @daft.method.batch(return_dtype=ANSWER, batch_size=PICTURE_ROWS)
    def pictures(self, names: daft.Series, contents: daft.Series) -> pa.Array:
        """Scores pictures of one digit each."""
        return pa.array(self._answers(_pictures(names, contents), read=False), _ANSWER_ARROW)

    @daft.method.batch(return_dtype=NUMBER, batch_size=PICTURE_ROWS)
    def pages(self, names: daft.Series, contents: daft.Series) -> list[list[dict[str, Any]]]:
        """Reads all numbers of each picture."""
        return self._answers(_pictures(names, contents), read=True)

    def _answers(self, items: list[str | bytes | None], read: bool) -> list[Any]:
        if self._classifier is None:
            return answer_in_pool(self._files, items, read, self._processes)
        return answers_of(self._classifier, items, read)


def picture_scorer(files: Mapping[str, bytes], processes: int, on_cluster: bool) -> Any:
    """A `_PictureScorer`: on a cluster an actor for each core, on this machine one with a pool of processes.

    Daft's own processes would import Daft and load the bundle again for every query.
    """
    if on_cluster:
        return daft.cls(_PictureScorer, max_concurrency=processes)(dict(files), 1)
    return daft.cls(_PictureScorer, use_process=False)(dict(files), processes)


def _pictures(names: daft.Series, contents: daft.Series) -> list[str | bytes | None]:
    """Each row's encoded picture, or its path on this machine where it has no address; None if it cannot be had."""
    return [
        content if content is not None else None if name is None or "://" in name else name
        for name, content in zip(names.to_pylist(), contents.to_pylist(), strict=True)
    ]


def score_arrays(classifier: Classifier, pixels: pa.Array) -> pa.Array:
    """Scores an Arrow column of pixel lists; a row that is no image of the model's shape gets an error text."""
    rows, errors = batch_of_pixels(pixels, classifier.input)
    raw = classifier.predict_batch(rows) if len(rows) else np.zeros((0, len(classifier.labels)), np.float32)
    good = np.array([error is None for error in errors], bool)
    scores = np.zeros((len(pixels), len(classifier.labels)), np.float32)
    scores[good] = raw
    best, confidence = best_answers(classifier, scores)
    labels = pa.DictionaryArray.from_arrays(
        pa.array(best.astype(np.int32), mask=~good), pa.array(classifier.labels, pa.large_string())
    ).cast(pa.large_string())
    unsure = np.zeros(len(pixels), bool)
    unsure[good] = confidence[good] < SURE
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
