"""Runs NUMBRE bundles: an image in, a digit out.

import numbre_runtime as numbre

classifier = numbre.load()                # the model that ships here, or load("path/to/bundle")
classifier.predict("digit.png")           # Prediction(label='7', confidence=0.996, scores=…)
classifier.predict_batch(images)          # (N, 28, 28) uint8 in, (N, 10) float32 out
"""

from numbre_runtime.classifier import Classifier, Prediction, load
from numbre_runtime.errors import (
    BackendError,
    BackendNotInstalledError,
    BackendUnsupportedError,
    BundleError,
    ImageError,
    NumbreError,
)
from numbre_runtime.manifest import Manifest

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "BackendNotInstalledError",
    "BackendUnsupportedError",
    "BundleError",
    "Classifier",
    "ImageError",
    "Manifest",
    "NumbreError",
    "Prediction",
    "load",
]
