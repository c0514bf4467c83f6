"""What reads single digits in the comparison: NUMBRE, the tutorials' way into the same network, Tesseract."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from numbre_runtime import Classifier, ImageError, Prediction

Digit: TypeAlias = Image.Image | Path | NDArray[np.uint8]
"""A picture, its file, or an image as MNIST has them."""


def numbre(classifier: Classifier, digits: Sequence[Digit]) -> list[Prediction | None]:
    """What NUMBRE answers; None where it raises an error."""
    answers: list[Prediction | None] = []
    for digit in digits:
        try:
            answers.append(classifier.predict(digit))
        except ImageError:
            answers.append(None)
    return answers


def naive(classifier: Classifier, digits: Sequence[Digit]) -> list[str]:
    """Shrunk to 28×28 and inverted, whatever is in the picture."""
    small = [
        digit if isinstance(digit, np.ndarray) else 255 - np.asarray(opened(digit).convert("L").resize((28, 28)))
        for digit in digits
    ]
    return [classifier.predict(image).label for image in small]


def tesseract_missing() -> str | None:
    """Why Tesseract cannot be asked; None where it can."""
    return None if shutil.which("tesseract") else "needs the Debian package tesseract-ocr"


def tesseract(digits: Sequence[Digit], layout: int = 10) -> list[str]:
    """What Tesseract reads of the characters 0–9 in each; images in MNIST's form are shown dark on light.

    Args:
        digits: The pictures.
        layout: Its page segmentation mode: 7 a line, 8 a word, 10 one character.
    """
    with tempfile.TemporaryDirectory() as scratch:
        names = []
        for index, digit in enumerate(digits):
            picture = Image.fromarray(255 - digit) if isinstance(digit, np.ndarray) else opened(digit)
            names.append(f"{scratch}/{index}.png")
            picture.convert("RGB").save(names[-1])
        (Path(scratch) / "names.txt").write_text("\n".join(names))
        command = ["tesseract", f"{scratch}/names.txt", "stdout", "--psm", str(layout)]
        command += ["-c", "tessedit_char_whitelist=0123456789"]
        settings = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        text = subprocess.run(command, capture_output=True, text=True, check=True, env=settings, timeout=3600).stdout
    return [page.strip() for page in text.split("\f")[: len(digits)]]


def opened(digit: Image.Image | Path) -> Image.Image:
    """The picture itself."""
    return digit if isinstance(digit, Image.Image) else Image.open(digit)
