"""The images that a bundle is measured on."""

from __future__ import annotations

from pathlib import Path

from numbre_runtime.bundle import Bundle, LabelledImages, labelled_images
from numbre_runtime.errors import BundleError
from numbre_runtime.files import read_limited

_DATA_LIMIT = 256 << 20


def test_images(bundle: Bundle, data: str | None) -> tuple[LabelledImages, str]:
    """The images to measure on and what they are: a file's, else the bundle's test data, else its golden images.

    Args:
        bundle: The bundle.
        data: An npz file with `images`, `labels` and, if known, the Keras model's `answers`.

    Raises:
        BundleError: The file is missing or malformed.
    """
    if data is not None:
        content = read_limited(Path(data), _DATA_LIMIT, BundleError)
        spec = bundle.manifest.input
        return labelled_images(content, data, spec.shape, spec.dtype), f"images of {Path(data).name}"
    own = bundle.test_data()
    if own is not None:
        return own, "test images of the bundle"
    golden = bundle.golden()
    return LabelledImages(golden.inputs, golden.labels, None), "golden images of the bundle"
