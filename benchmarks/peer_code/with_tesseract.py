"""Tesseract, a program for printed text, told that each picture is one digit; a process for each picture."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from harness import Images, Peer

IMAGES = 200
"""How many of the test images; a call takes a tenth of a second."""
_ZOOM, _MARGIN = 4, 20
_COMMAND = ["tesseract", "stdin", "stdout", "--psm", "10", "-c", "tessedit_char_whitelist=0123456789"]


def load(folder: Path) -> Peer:  # noqa: ARG001 - it brings its own model
    """See `harness`."""

    def single(image: Images) -> int:
        # Dark ink on white and some 100 pixels high, as Tesseract's manual advises.
        pixels = np.pad(255 - np.kron(image, np.ones((_ZOOM, _ZOOM), np.uint8)), _MARGIN, constant_values=255)
        picture = b"P5 %d %d 255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()
        found = subprocess.run(_COMMAND, input=picture, capture_output=True, check=True).stdout.decode().strip()
        return int(found[0]) if found[:1].isdigit() else -1

    def batch(images: Images) -> np.ndarray:
        return np.array([single(image) for image in images])

    return single, batch
