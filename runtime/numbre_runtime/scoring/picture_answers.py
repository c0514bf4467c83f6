"""What a bundle answers of one picture, as rows of the output; used by every kind of worker, so without Daft."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import MANIFEST
from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import ImageError, one_line
from numbre_runtime.loading import load

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


def picture_answer(classifier: Classifier, item: Any) -> dict[str, Any]:
    """The row of a picture of one digit; `item` is its path, its contents, or None if it cannot be had."""
    if item is None:
        return {"recognized": False, "error": _MISSING}
    try:
        prediction = classifier.predict(item)
    except ImageError as error:
        return {"recognized": False, "error": one_line(error)}
    unsure = prediction.confidence < SURE and prediction.found is not None
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


def page_answers(classifier: Classifier, item: Any) -> list[dict[str, Any]]:
    """The rows of a page, one a number; `item` as for `picture_answer`."""
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
