"""NUMBRE's own runtime with LiteRT, one thread, on a bundle that ships: its name is in the file bundle.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import numbre_runtime
from harness import Images, Peer


def load(folder: Path) -> Peer:
    """See `harness`."""
    classifier = numbre_runtime.load((folder / "bundle.txt").read_text(), backend="litert")
    digits = [index for index, label in enumerate(classifier.labels) if label != classifier.none_label]

    def batch(images: Images) -> NDArray[Any]:
        answers: NDArray[Any] = classifier.predict_batch(images)[:, digits].argmax(axis=1)
        return answers

    return lambda image: int(classifier.predict(image).label), batch
