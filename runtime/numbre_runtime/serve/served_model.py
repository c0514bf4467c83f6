"""A loaded bundle as it is served: its name, its version, and what it answers to many images at once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbre_runtime.bundle import MANIFEST, read_bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import ImageError
from numbre_runtime.loading import load_bundle
from numbre_runtime.manifest import InputSpec
from numbre_runtime.serve.refusal import RefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRIALS = 20


class Answers(NamedTuple):
    """The answers to N images."""

    classes: tuple[str, ...]
    """The model's classes, in the order of the scores."""
    scores: NDArray[np.float32]
    """(N, classes) float32, 0–1."""
    label: NDArray[np.object_]
    """(N,) str: the most probable class but for the one that means "none of the others"."""
    confidence: NDArray[np.float32]
    """(N,) float32: that class's score, 0–1."""
    recognized: NDArray[np.bool_]
    """(N,) bool: whether the confidence reaches the bundle's threshold."""

    def output(self, name: str) -> NDArray[Any]:
        """The output of that name, see `open_inference.OUTPUTS`."""
        found: NDArray[Any] = getattr(self, name)
        return found

    def of(self, index: int) -> Answers:
        """The answers to one of the images, with N = 1."""
        part = slice(index, index + 1)
        return Answers(self.classes, self.scores[part], self.label[part], self.confidence[part], self.recognized[part])


class ServedModel(NamedTuple):
    """One bundle, loaded and checked."""

    name: str
    """The name that requests use."""
    version: str
    """The first digits of the SHA-256 of its manifest, which lists the SHA-256 of every file."""
    digest: str
    """That SHA-256, hexadecimal."""
    classifier: Classifier
    """The model in its engine."""
    spec: InputSpec
    """What one input is."""
    seconds: float
    """What one image takes here, as measured when it was loaded."""

    @property
    def input_datatype(self) -> str:
        """The datatype of its input as the manifest says, in the Open Inference Protocol's words."""
        return "UINT8" if self.spec.dtype == "uint8" else "FP32"

    @property
    def takes_drawings(self) -> bool:
        """Whether it reads pictures that are brought to MNIST's form."""
        return self.spec.picture == "mnist" and self.spec.dtype == "uint8"

    def answer(self, tensor: NDArray[Any]) -> Answers:
        """Classifies a tensor of images.

        Args:
            tensor: uint8 or float32 as `Classifier.predict_batch` takes it, one image or N of them; int8 is what an
                int8 artifact stores.

        Raises:
            RefusedError: Its shape, dtype or values do not fit this model; status 400.
        """
        try:
            if tensor.dtype == np.int8:
                scores = self.classifier.predict_stored(self._batch(tensor))
            elif tensor.shape[-len(self.spec.shape) :] == self.spec.shape and tensor.size == self.values:
                # One image has a faster path.
                scores = self.classifier.predict(tensor.reshape(self.spec.shape)).scores[None]
            else:
                scores = self.classifier.predict_batch(self._batch(tensor))
        except ImageError as error:
            raise RefusedError(400, str(error)) from error
        return self.answers(scores)

    @property
    def values(self) -> int:
        """Values of one input."""
        return int(np.prod(self.spec.shape))

    def _batch(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """The same tensor with an axis for the batch."""
        shape = self.spec.shape
        single = tensor.shape in (shape, (self.values,), (*shape, 1))
        return tensor[None] if single else tensor

    def answers(self, scores: NDArray[np.float32]) -> Answers:
        """What scores (N, classes) say."""
        classifier = self.classifier
        ranked = scores
        if classifier.none_label is not None:
            ranked = scores.copy()
            ranked[:, classifier.labels.index(classifier.none_label)] = -1
        best = ranked.argmax(axis=1)
        confidence = scores[np.arange(len(scores)), best]
        # As `Classifier.predict` compares: the float32 score, exactly, with the manifest's float64.
        recognized = confidence.astype(np.float64) >= classifier.threshold
        label = np.array([classifier.labels[index] for index in best], np.object_)
        return Answers(classifier.labels, scores, label, confidence, recognized)


def load_model(name: str, path: Path, threads: int) -> ServedModel:
    """Loads a bundle as `numbre_runtime.load` does, and measures it.

    Raises:
        BundleError: The bundle is incomplete, altered, malformed or too new.
        BackendError: No engine runs it as at export.
    """
    bundle = read_bundle(path)
    classifier = load_bundle(bundle, threads=threads)
    image = bundle.golden().inputs[0]
    seconds = []
    for _ in range(_TRIALS):
        start = time.perf_counter()
        classifier.predict(image)
        seconds.append(time.perf_counter() - start)
    return ServedModel(
        name, bundle.version, bundle.digest, classifier, bundle.manifest.input, sorted(seconds)[_TRIALS // 2]
    )


def bundle_mark(path: Path) -> tuple[str, int, int, int]:
    """Tells one bundle at a path from another: where its links lead, and which manifest is there."""
    try:
        found = os.stat(path / MANIFEST)  # noqa: PTH116 - three numbers of one call
        return os.path.realpath(path), found.st_ino, found.st_mtime_ns, found.st_size
    except OSError:
        return os.path.realpath(path), 0, 0, 0
