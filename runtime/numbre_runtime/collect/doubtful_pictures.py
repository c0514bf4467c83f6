"""A folder of doubtful pictures, bounded in number, size and age.

Each picture is one PNG file with what the network saw; its text chunk `numbre` holds the answer as JSON, so that no
interruption can leave one without the other.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from numbre_runtime.classifier import Classifier, Prediction
from numbre_runtime.errors import OutputError
from numbre_runtime.files import is_bundle, try_folder, write_atomic
from numbre_runtime.text import json_text

CLOSE_SCORES = 0.2
"""An answer is doubtful if the two highest scores, 0–1, differ by less than this."""
ANSWER_CHUNK = "numbre"
"""Keyword of the PNG text chunk that holds the answer."""

_TIME_FORMAT = "%Y%m%dT%H%M%S%fZ"
# The optional parts match what a write that was interrupted leaves behind; it is counted and removed like the others.
_OWN_NAME = re.compile(r"\.?doubtful-(\d{8}T\d{12}Z)-([0-9a-f]{16})\.png(?:\.[0-9a-f]{8})?")


class _Kept(NamedTuple):
    """A file in the folder that this module wrote; files sort by time."""

    time: str
    digest: str
    path: Path
    size: int


class DoubtfulPictures:
    """Keeps doubtful pictures in a folder and removes the oldest ones beyond its bounds.

    Other files in the folder are never removed. Several processes may use one folder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        inputs: Iterable[str] = (),
        *,
        most_pictures: int = 1000,
        most_bytes: int = 50_000_000,
        most_days: int = 90,
    ) -> None:
        """Makes the folder if it is missing.

        Args:
            folder: Where the pictures go.
            inputs: What the command reads; the folder must not lie within any of these.
            most_pictures: Largest number of pictures, 1 or more.
            most_bytes: Largest sum of their sizes in bytes, 1 or more.
            most_days: Largest age in days, 1 or more.

        Raises:
            OutputError: The folder is a bundle, lies within an input, or cannot be written; or a bound is below 1.
        """
        self.folder = Path(folder)
        self._most_pictures, self._most_bytes, self._most_days = most_pictures, most_bytes, most_days
        least = min(most_pictures, most_bytes, most_days)
        if least < 1:
            raise OutputError(f"{folder}: a bound of {least} on doubtful pictures; expected 1 or more")
        real = Path(os.path.realpath(folder))
        for source in inputs:
            if Path(os.path.realpath(source)) in (real, *real.parents):
                raise OutputError(f"{folder}: lies within {source}, which this command reads; choose another folder")
        if is_bundle(real):
            raise OutputError(f"{folder}: is a bundle, which other files would spoil; choose another folder")
        try:
            try_folder(real)
        except OSError as cause:
            raise OutputError(f"{folder}: cannot be written ({cause.strerror or cause})") from cause

    def keep(self, prediction: Prediction, classifier: Classifier, source: str) -> Path | None:
        """Keeps what the network saw if the answer is doubtful and the same pixels are not there yet.

        Args:
            prediction: An answer to a picture.
            classifier: The classifier that gave it.
            source: The picture's name, recorded with the answer.

        Returns:
            The file that was written; None if nothing was kept.

        Raises:
            OutputError: The file cannot be written.

        Example:
            >>> import tempfile, numpy as np, numbre_runtime as numbre
            >>> classifier = numbre.load(backend="numpy")
            >>> noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
            >>> kept = DoubtfulPictures(tempfile.mkdtemp())
            >>> kept.keep(classifier.predict(noise), classifier, "noise").suffix
            '.png'
        """
        seen = prediction.seen
        if seen is None or seen.dtype != np.uint8 or not is_doubtful(prediction):
            return None
        pixels = np.ascontiguousarray(seen[..., 0] if seen.ndim == 3 and seen.shape[-1] == 1 else seen)
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
        if any(item.digest == digest for item in self._kept()):
            return None
        now = datetime.now(UTC)
        content = _png(pixels, _answer(prediction, classifier, source, now))
        path = self.folder / f"doubtful-{now.strftime(_TIME_FORMAT)}-{digest}.png"
        write_atomic(path, content)
        self._remove_oldest(now)
        return path

    def _remove_oldest(self, now: datetime) -> None:
        kept = sorted(self._kept())
        count, size = len(kept), sum(item.size for item in kept)
        oldest = (now - timedelta(days=self._most_days)).strftime(_TIME_FORMAT)
        for item in kept:
            if count <= self._most_pictures and size <= self._most_bytes and item.time >= oldest:
                return
            # Another process may have removed it already.
            with suppress(FileNotFoundError):
                item.path.unlink()
            count, size = count - 1, size - item.size

    def _kept(self) -> list[_Kept]:
        found: list[_Kept] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                match = _OWN_NAME.fullmatch(entry.name)
                with suppress(FileNotFoundError):
                    if match is not None and entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                        found.append(_Kept(match[1], match[2], Path(entry.path), size))
        return found


def is_doubtful(prediction: Prediction) -> bool:
    """Whether an answer is below the bundle's threshold, or its two highest scores are closer than `CLOSE_SCORES`.

    A blank picture is not doubtful: the network never saw it.
    """
    if prediction.seen is None:
        return False
    highest = np.sort(prediction.scores)[-2:]
    return not prediction.recognized or bool(highest[-1] - highest[0] < CLOSE_SCORES)


def _answer(prediction: Prediction, classifier: Classifier, source: str, now: datetime) -> str:
    scores = zip(prediction.labels, prediction.scores.tolist(), strict=True)
    return json_text(
        {
            "answer": prediction.label,
            "confidence": round(prediction.confidence, 4),
            "recognized": prediction.recognized,
            "scores": {label: round(score, 4) for label, score in scores},
            "source": source,
            "time": now.isoformat(timespec="seconds"),
            "model": classifier.manifest.name,
            "artifact_sha256": classifier.artifact.sha256,
        }
    )


def _png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], answer: str) -> bytes:
    chunks = PngInfo()
    chunks.add_text(ANSWER_CHUNK, answer)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=chunks)
    return stream.getvalue()
