"""Where the digits of the comparison come from, and the pictures that show none."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digits.distortions import DISTORTIONS, photos
from digits.readers import Digit
from numbre_runtime.errors import DataError
from numbre_runtime.npz import read_npz
from numbre_train.data import load_mnist

FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
LETTERS = "ACEFHKMNPRTUVWXYadefhjkmnprtuvwx"
"""Letters that no digit looks like."""
_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


@dataclass(frozen=True)
class DigitSet:
    """A set of pictures of single digits."""

    name: str
    """What the table calls it."""
    digits: list[Digit]
    """The pictures."""
    labels: list[str]
    """The true digit of each."""


def mnist(count: int) -> list[DigitSet]:
    """MNIST's test images as arrays, the first `count` of them as pictures, and one set for each distortion."""
    data = load_mnist()
    images, labels = data.test_images[:count], [str(label) for label in data.test_labels]
    sets = [
        DigitSet("MNIST, as arrays", list(data.test_images), labels),
        DigitSet("MNIST, as pictures", [Image.fromarray(255 - image) for image in images], labels[:count]),
    ]
    return sets + [DigitSet(name, list(photos(name, images)), labels[:count]) for name in DISTORTIONS]


def usps(path: Path) -> DigitSet:
    """USPS digits: `images` (N, 16, 16) uint8, ink bright on dark, and `labels` (N,), in an npz file.

    Raises:
        DataError: It holds something else.
    """
    arrays = read_npz(path.read_bytes(), str(path), DataError)
    images, labels = arrays.get("images"), arrays.get("labels")
    if images is None or labels is None or images.dtype != np.uint8 or images.ndim != 3 or len(labels) != len(images):
        raise DataError(f"{path}: expected 'images' (N, height, width) uint8 and 'labels' (N,)")
    return DigitSet("USPS", [Image.fromarray(255 - image) for image in images], [str(label) for label in labels])


def optdigits() -> DigitSet:
    """Scikit-learn's 8×8 digits, with levels 0–16."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)
    return DigitSet(
        "optdigits", [Image.fromarray(255 - image) for image in images], [str(label) for label in data.target]
    )


def own_pictures(directory: Path) -> DigitSet:
    """Pictures named DIGIT_anything.png, or in one folder for each digit.

    Raises:
        DataError: There are none, or a name does not begin with a digit.
    """
    files = sorted(path for path in directory.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise DataError(f"{directory}: no pictures in it")
    labels = []
    for path in files:
        name = path.parent.name if len(path.parent.name) == 1 and path.parent.name.isdigit() else path.name
        if not name[0].isdigit():
            raise DataError(f"{path}: its name must begin with its digit, or its folder be named after it")
        labels.append(name[0])
    return DigitSet(f"{directory.name}/", list(files), labels)


def fashion() -> list[NDArray[np.uint8]]:
    """Fashion-MNIST's 10,000 test images, of the Debian package dataset-fashion-mnist."""
    return list(np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28))


def letters() -> list[Image.Image]:
    """`LETTERS` in six of Matplotlib's fonts, dark on light."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    pictures = []
    for name in _FONTS:
        font = ImageFont.truetype(folder / f"{name}.ttf", 80)
        for letter in LETTERS:
            picture = Image.new("L", (140, 140), 225)
            ImageDraw.Draw(picture).text((70, 70), letter, 50, font, "mm")
            pictures.append(picture)
    return pictures
