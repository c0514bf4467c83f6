"""What a bundle answers of one picture, as rows of the output; used by every kind of worker, so without Daft."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import MANIFEST
from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import ImageError, one_line
from numbre_runtime.loading import load
from numbre_runtime.pictures.digit import find_digit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbre_runtime.pictures.digit import Found

SURE = 0.999
"""Rows below this confidence also return the pixels that the network saw, so that the report can show them."""
_MISSING = "the picture is missing or cannot be fetched"


def bundle_files(path: Path) -> dict[str, bytes]:
    """A bundle's files, name to content, as they travel to the workers, which verify them again."""
    return {entry.name: entry.read_bytes() for entry in sorted(path.iterdir()) if entry.is_file()}


def identity(files: Mapping[str, bytes]) -> str:
    """The bundle's identity: the SHA-256 of its manifest, which holds the SHA-256 of every other file."""
    return hashlib.sha256(files[MANIFEST]).hexdigest()


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


def answers_of(classifier: Classifier, items: Sequence[Any], read: bool) -> list[Any]:
    """The row of each picture of one digit or, with `read`, the rows of each page, one a number.

    Args:
        classifier: A loaded bundle.
        items: Pictures: paths, contents, or None for one that cannot be had.
        read: Whether they are pages.
    """
    if read:
        return [_page_answers(classifier, item) for item in items]
    if classifier.input.picture != "mnist" or classifier.artifact.precision != "int8":
        return [_picture_answer(classifier, item) for item in items]
    return _together(classifier, items)


def _together(classifier: Classifier, items: Sequence[Any]) -> list[dict[str, Any]]:
    """As `_picture_answer`, the network's part for all at once; in integers, no bit depends on that."""
    rows = list[dict[str, Any]]()
    images: list[NDArray[np.uint8]] = []
    places: list[int] = []
    for item in items:
        if item is None:
            rows.append(_refused(_MISSING))
            continue
        try:
            pixels, found = find_digit(item)
        except ImageError as error:
            rows.append(_refused(one_line(error)))
            continue
        if found is not None:
            places.append(len(rows))
            images.append(pixels)
        rows.append(_row("", 0.0, False, found, None))
    if not images:
        return rows
    scores = classifier.predict_batch(np.stack(images).reshape(len(images), *classifier.input.shape))
    best, confidences = best_answers(classifier, scores)
    for place, pixels, index, confidence in zip(places, images, best.tolist(), confidences.tolist(), strict=True):
        rows[place].update(
            label=classifier.labels[index],
            confidence=confidence,
            recognized=confidence >= classifier.threshold,
            seen=pixels.tobytes() if confidence < SURE else None,
        )
    return rows


def best_answers(classifier: Classifier, scores: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best answer to each row, (N,) numbers of classes, and its score, (N,); "none of the others" is no answer.

    Args:
        classifier: A loaded bundle.
        scores: (N, classes) of it.
    """
    answers = scores.copy()
    if classifier.none_label is not None:
        answers[:, classifier.labels.index(classifier.none_label)] = -1
    best = answers.argmax(axis=1)
    return best, scores[np.arange(len(best)), best]


def _picture_answer(classifier: Classifier, item: Any) -> dict[str, Any]:
    """The row of a picture of one digit; `item` is its path, its contents, or None if it cannot be had."""
    if item is None:
        return _refused(_MISSING)
    try:
        answer = classifier.predict(item)
    except ImageError as error:
        return _refused(one_line(error))
    unsure = answer.confidence < SURE and answer.found is not None
    seen = answer.seen.tobytes() if unsure and answer.seen is not None else None
    return _row(answer.label, answer.confidence, answer.recognized, answer.found, seen)


def _row(label: str, confidence: float, recognized: bool, found: Found | None, seen: bytes | None) -> dict[str, Any]:
    box = None if found is None else list(found.box)
    return {
        "label": label,
        "confidence": confidence,
        "recognized": recognized,
        "box": box,
        "error": None,
        "seen": seen,
    }


def _refused(reason: str) -> dict[str, Any]:
    return {"recognized": False, "error": reason}


def _page_answers(classifier: Classifier, item: Any) -> list[dict[str, Any]]:
    """The rows of a page, one a number; `item` as for `_picture_answer`."""
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
