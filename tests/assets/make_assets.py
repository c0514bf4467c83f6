"""Makes the small assets beside it; see README.md."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from numbre_train.data import load_mnist
from numbre_train.keras_engine import keras

HERE = Path(__file__).resolve().parent
_EXIF_ORIENTATION = 0x0112


def main() -> int:
    """Writes lambda.keras and rotated.jpg."""
    module = keras()
    layers = [module.Input((784,)), module.layers.Lambda(lambda values: values * 2), module.layers.Dense(10, "softmax")]
    module.Sequential(layers).save(HERE / "lambda.keras")

    seven = Image.fromarray(255 - load_mnist().test_images[0]).resize((112, 112), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6
    # Orientation 6 asks the viewer to turn the picture clockwise, so it is stored turned the other way.
    lying = np.rot90(np.asarray(seven))
    Image.fromarray(np.ascontiguousarray(lying)).save(HERE / "rotated.jpg", quality=90, exif=exif)
    return 0


if __name__ == "__main__":
    sys.exit(main())
