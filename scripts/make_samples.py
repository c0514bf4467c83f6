"""Makes samples/: digits of the MNIST test set as they are, and as a person would photograph or scan them.

The first digit after a PNG file's underscore is the true answer. page.jpg holds 648 043 and, below, 956 098.
docs/images/page_read.jpg shows what numbre-read finds there. request_7.json is a request to a server.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime as numbre
from numbre_runtime.page.overlay import overlay_png
from numbre_train.data import load_mnist

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
_PAGE_SEED = 7


def _first(digit: int, skip: int = 0) -> NDArray[np.uint8]:
    mnist = load_mnist()
    image: NDArray[np.uint8] = mnist.test_images[np.flatnonzero(mnist.test_labels == digit)[skip]]
    return image


def _enlarged(image: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), np.float64) / 255


def paper(digit: int) -> Image.Image:
    """Dark ink on grey paper, off-centre, under a slanting shadow, with grain."""
    generator = np.random.default_rng(digit)
    ink = np.zeros((320, 240))
    ink[60:230, 40:210] = _enlarged(_first(digit, 3), 170)
    light = np.linspace(0.55, 1.0, 240)[None, :] * np.linspace(0.9, 1.0, 320)[:, None]
    grey = light * (215 - 150 * ink) + generator.normal(0, 4, ink.shape)
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def chalk(digit: int) -> Image.Image:
    """Bright strokes on a dark green board."""
    generator = np.random.default_rng(digit)
    ink = _enlarged(np.pad(_first(digit, 3), 6), 200) * generator.uniform(0.75, 1, (200, 200))
    board, white = np.array([32.0, 62.0, 48.0]), np.array([236.0, 238.0, 230.0])
    colours = board + ink[..., None] * (white - board) + generator.normal(0, 3, (200, 200, 3))
    return Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))


def page() -> Image.Image:
    """Numbers on ruled paper under a shadow, slightly turned."""
    sys.path.append(str(ROOT / "benchmarks"))
    from pages.composer import Style, compose, mnist_source
    from pages.photo import Camera, photograph

    mnist, generator = load_mnist(), np.random.default_rng(_PAGE_SEED)
    style = Style(height=78, weight=0.5, slant=0.05)
    sheet = compose((520, 820), style, mnist_source(mnist.test_images, mnist.test_labels, generator), generator)
    camera = Camera(paper=232, ink=52, rules="ruled", shadow=True, rotation=1.5, texture=3.0)
    levels, _ = photograph(sheet, style, camera, generator)
    return Image.fromarray(levels[:330])


def request(digit: int) -> dict[str, Any]:
    """A request by the Open Inference Protocol for the three best classes of a digit."""
    pixels = _first(digit).ravel().tolist()
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, 28, 28], "data": pixels}
    return {"inputs": [tensor], "outputs": [{"name": "scores", "parameters": {"classification": 3}}]}


def main() -> int:
    """Writes the samples."""
    SAMPLES.mkdir(exist_ok=True)
    for digit in (0, 2, 7):
        Image.fromarray(_first(digit)).save(SAMPLES / f"mnist_{digit}.png")
    for digit in (3, 5):
        paper(digit).save(SAMPLES / f"paper_{digit}.png")
    for digit in (4, 8):
        chalk(digit).save(SAMPLES / f"chalk_{digit}.png")
    sample = SAMPLES / "page.jpg"
    page().save(sample, quality=88)
    drawn = Image.open(io.BytesIO(overlay_png(sample, numbre.read(sample))))
    (ROOT / "docs" / "images").mkdir(exist_ok=True)
    drawn.convert("RGB").save(ROOT / "docs" / "images" / "page_read.jpg", quality=85)
    (SAMPLES / "request_7.json").write_text(json.dumps(request(7)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
