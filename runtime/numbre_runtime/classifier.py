"""The front door: `load(path).predict(image)`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from numbre_runtime.backends import backend, model_ends
from numbre_runtime.backends.base import Session
from numbre_runtime.bundle import MODELS, Bundle, Golden
from numbre_runtime.errors import (
    BackendError,
    BundleError,
    ImageError,
    one_line,
)
from numbre_runtime.manifest import Artifact, Manifest
from numbre_runtime.tensors import Encoder, as_rows, as_stored, decoder, encoder, image_writer, row_decoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from numbre_runtime.pictures.digit import Found
    from numbre_runtime.pictures.picture import PictureSource

ImageLike: TypeAlias = "PictureSource"
"""A picture of any size, see `PictureSource`; or an array in the model's own form, a row of a table among them."""


_FastPath: TypeAlias = "tuple[Callable[[NDArray[Any]], object], Callable[[], NDArray[Any]]]"
"""A function that writes one image's pixels into an engine's input buffer, and one that then runs the engine."""
_UINT8 = np.dtype(np.uint8)
_SINGLES_STEP = 5
"""Every fifth golden input is also tried alone."""
_SCORE_TOLERANCE = 0.01
"""How far the scores of an input may be from a sum of 1, besides what quantization rounds."""


class Replayed(NamedTuple):
    """What came of running the golden inputs."""

    wrong: int
    """How many got another label than at export."""
    difference: float
    """Largest absolute difference of a score from the recorded one, 0–1."""


@dataclass(slots=True, eq=False)
class Prediction:
    """What the classifier makes of one image."""

    label: str
    """The most probable class but for `Manifest.none_label`; empty for a blank picture."""
    confidence: float
    """Its score, 0–1 (higher is surer); 0 for a blank picture."""
    scores: NDArray[np.float32]
    """(classes,) float32, the score of every class in the order of the bundle's labels; zeros for a blank picture."""
    recognized: bool
    """Whether the confidence reaches the bundle's threshold; False says: no digit, none of the classes."""
    found: Found | None
    """Where a picture's digit is, and which way round; None for an array and for a blank picture."""
    labels: tuple[str, ...] = field(default=(), repr=False)
    """The bundle's classes, in the order of `scores`."""
    seen: NDArray[Any] | None = field(default=None, repr=False)
    """What the network got: the caller's own array, not a copy of it, or what was made of a picture."""
    source: str | os.PathLike[str] | Image | None = field(default=None, repr=False)
    """The picture; None for an array, bytes and an open file."""

    def _repr_html_(self) -> str:
        """Shows it in a notebook: the picture with a box, what the network got, and a bar for each class."""
        from numbre_runtime.notebook import prediction_html

        return prediction_html(self)


class Origin(NamedTuple):
    """What a classifier was opened from, so that another process can open it again."""

    path: Path
    """The bundle's directory."""
    backend: str
    """The backend's name, "litert"."""
    threads: int
    """Threads that the engine may use for one call."""


class Classifier:
    """One artifact of a bundle, loaded into one backend. It may be used from many threads.

    It pickles by reference to its bundle: another process opens and checks the same directory again, and refuses it if
    it holds another model by then.
    """

    def __init__(
        self,
        artifact: Artifact,
        manifest: Manifest,
        session: Session,
        origin: Origin | None = None,
    ) -> None:
        spec = manifest.input
        self.artifact = artifact
        self.manifest = manifest
        self.origin = origin
        self.labels = manifest.labels
        self.none_label = manifest.none_label
        self.threshold = manifest.threshold
        self.backend = session.version
        self.input = spec
        self._session = session
        self._encode = encoder(spec, artifact.input)
        self._decode = decoder(artifact, manifest.output, manifest.temperature)
        self._decode_row = row_decoder(artifact, manifest.output, manifest.temperature)
        self._none = -1 if manifest.none_label is None else manifest.labels.index(manifest.none_label)
        # No array has the shape (-1,): a model that does not take pixels has no fast path.
        self._pixel_shape = spec.shape if spec.dtype == "uint8" else (-1,)
        self._idle: list[_FastPath] = []

    def predict(self, image: ImageLike) -> Prediction:
        """Classifies one image.

        Args:
            image: uint8 0–255 or float 0–1, of shape (28, 28), (784,) or (28, 28, 1), ink bright on dark as in
                MNIST; or a picture of any size and polarity (`PictureSource`), which is brought to that form. Other
                models take other shapes, and rows of numbers where their input is no picture (`InputSpec`).

        Raises:
            ImageError: It is none of these, or a damaged file. A blank picture is none: it is not recognized.

        Example:
            >>> import numbre_runtime as numbre, numpy as np
            >>> one = np.zeros((28, 28), np.uint8)
            >>> one[4:24, 13:16] = 255
            >>> answer = numbre.load(backend="numpy").predict(one)
            >>> answer.label, answer.recognized
            ('1', True)
        """
        found: Found | None = None
        source: Any = None
        seen: Any = image
        if image.__class__ is np.ndarray and image.dtype == _UINT8 and image.shape == self._pixel_shape:
            # Each thread takes a path of its own; list.pop and list.append are atomic and faster than a lock.
            try:
                path = self._idle.pop()
            except IndexError:
                path = self.fast_path()
            write, run = path
            write(image)
            raw = run()
            self._idle.append(path)
        elif self.input.picture != "mnist" or self._is_own(image):
            seen = self._row(image)
            raw = self._session.run(seen, self._encode)
            seen = seen.reshape(self.input.shape)
        else:
            seen, found = self._digit(image)
            if hasattr(image, "convert") or isinstance(image, (str, os.PathLike)):
                source = image
            if found is None:
                blank = np.zeros(len(self.labels), np.float32)
                return Prediction("", 0.0, blank, False, None, self.labels, None, source)
            raw = self._session.run(seen, self._encode)
            seen = seen.reshape(self.input.shape)
        stored = raw[0]
        scores = self._decode_row(stored)
        index = int(stored.argmax())
        if index == self._none:
            index = int(np.delete(scores, index).argmax())
            index += index >= self._none
        confidence = scores.item(index)
        recognized = confidence >= self.threshold
        return Prediction(self.labels[index], confidence, scores, recognized, found, self.labels, seen, source)

    def predict_batch(self, images: NDArray[Any] | Iterable[ImageLike]) -> NDArray[np.float32]:
        """Classifies many images.

        Args:
            images: (N, 28, 28), (N, 784) or (N, 28, 28, 1) as for `predict`, or an iterable of what it takes.

        Returns:
            (N, classes) float32 scores; a blank picture gets those of an image of zeros.

        Raises:
            ImageError: An image is not what `predict` takes.

        Example:
            >>> import numbre_runtime as numbre, numpy as np
            >>> numbre.load("numbre-int8", backend="numpy").predict_batch(np.zeros((5, 28, 28), np.uint8)).shape
            (5, 10)
        """
        return self._decode(self.predict_raw(images))

    def predict_raw(self, images: NDArray[Any] | Iterable[ImageLike]) -> NDArray[Any]:
        """As `predict_batch`, with the outputs (N, classes) as the artifact stores them, int8 for an int8 one."""
        shape = self.input.shape
        if isinstance(images, np.ndarray):
            if images.shape in (shape, (math.prod(shape),), (*shape, 1)):
                raise ImageError(f"an array of shape {images.shape}; predict takes one image, predict_batch many")
            rows, encode = as_rows(images, shape, self.input.dtype), self._encode
        elif isinstance(images, (str, bytes, os.PathLike)) or not isinstance(images, Iterable):
            raise ImageError(f"a {type(images).__name__}; predict takes one image, predict_batch many")
        else:
            # One by one, because some may be pixels and others floats.
            several = [self._encode(self._row(image)) for image in images]
            rows = np.concatenate(several) if several else np.empty((0, math.prod(shape)), self.artifact.input.dtype)
            encode = as_stored
        return self._run_all(rows, encode)

    def _run_all(self, rows: NDArray[Any], encode: Encoder) -> NDArray[Any]:
        """The outputs of any number of rows, in parts that the engine takes."""
        outputs = np.empty((len(rows), len(self.labels)), self.artifact.output.dtype)
        parts = math.ceil(len(rows) / self._session.batch)
        for part in range(parts):
            start, end = len(rows) * part // parts, len(rows) * (part + 1) // parts
            outputs[start:end] = self._session.run(rows[start:end], encode)
        return outputs

    def predict_stored(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """As `predict_batch`, of images (N, …) as `artifact.input` stores them, int8 for an int8 artifact.

        Raises:
            ImageError: Another dtype or shape.
        """
        values = math.prod(self.input.shape)
        if rows.dtype != self.artifact.input.dtype or not len(rows) or rows.size != len(rows) * values:
            raise ImageError(
                f"an array of {rows.dtype} {rows.shape}; this model stores its input as {self.artifact.input.dtype}, "
                f"{values} values an image"
            )
        return self._decode(self._run_all(rows.reshape(len(rows), values), as_stored))

    def prepare(self, image: ImageLike) -> NDArray[Any]:
        """The array that the network gets for an image, of the shape `input.shape` and the type `input.dtype`.

        Raises:
            ImageError: See `predict`.

        Example:
            >>> import numbre_runtime as numbre, numpy as np
            >>> photo = np.full((90, 60, 3), 220, np.uint8)
            >>> photo[20:70, 28:34] = 30
            >>> numbre.load(backend="numpy").prepare(photo).shape
            (28, 28)
        """
        return self._row(image).reshape(self.input.shape)

    def scores_of(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """The scores (N, classes), float32, of raw outputs as `predict_raw` gives them."""
        return self._decode(raw)

    def check_output(self, images: NDArray[Any]) -> None:
        """Checks that the engine takes and gives the types and shapes of the manifest, on images (N, …).

        Raises:
            BackendError: It does not.
        """
        # Encoded beforehand, because an encoder would silently write to an input of another type.
        rows = self._encode(as_rows(images, self.input.shape, self.input.dtype))
        raw = self._session.run(rows)
        expected = (len(rows), len(self.labels))
        if raw.dtype != self.artifact.output.dtype or raw.shape != expected:
            raise BackendError(
                f"{self.artifact.file} gives {raw.dtype} {raw.shape}, and its manifest says "
                f"{self.artifact.output.dtype} {expected}; export it again"
            )

    def fast_path(self) -> _FastPath:
        """Returns the two functions that `predict` calls for an image of pixels: write the image, run the model."""
        buffer = np.zeros((1, math.prod(self.input.shape)), self.artifact.input.dtype)
        return image_writer(self.input, self.artifact.input, buffer), self._session.runner(buffer)

    def _is_own(self, image: ImageLike) -> bool:
        """Whether an image is an array in the model's own form, and not a picture that has to be brought to it."""
        if not isinstance(image, np.ndarray):
            return False
        from numbre_runtime.pictures.picture import is_photo

        return self.input.picture == "none" or not is_photo(image, self.input.shape)

    def _row(self, image: ImageLike) -> NDArray[Any]:
        """One image of any accepted kind, as (1, values)."""
        if isinstance(image, np.ndarray) and self._is_own(image):
            rows = as_rows(image, self.input.shape, self.input.dtype)
            if len(rows) != 1:
                raise ImageError(f"an array of {len(rows)} images; predict takes one, predict_batch takes many")
            return rows
        if self.input.picture == "none":
            raise ImageError(f"a picture; this model takes arrays of {self.input.shape} numbers")
        if self.input.picture == "resize":
            from numbre_runtime.pictures.resize import to_shape

            return to_shape(image, self.input.shape).reshape(1, -1)
        return self._digit(image)[0]

    @staticmethod
    def _digit(picture: PictureSource) -> tuple[NDArray[np.uint8], Found | None]:
        from numbre_runtime.pictures.digit import find_digit

        pixels, found = find_digit(picture)
        return pixels.reshape(1, -1), found


def open_artifact(bundle: Bundle, artifact: Artifact, backend_name: str, threads: int = 1) -> Classifier:
    """Loads one artifact into one backend, without the golden vectors' test.

    Raises:
        BundleError: The file's structure is damaged or dangerous, or not what the manifest says of it.
        BackendError: The engine is not installed or does not load it.
    """
    # A bundle inside this package is as trusted as its code.
    if bundle.path.parent != MODELS:
        check_artifact(bundle, artifact)
    session = backend(backend_name).open_model(bundle.contents[artifact.file], threads)
    return Classifier(artifact, bundle.manifest, session, Origin(bundle.path, backend_name, threads))


def check_artifact(bundle: Bundle, artifact: Artifact) -> None:
    """Checks a model file's structure, and what the manifest says of its ends, before any engine sees it.

    Raises:
        BundleError: The file's structure is damaged or dangerous, or not what the manifest says of it.
    """
    from numbre_runtime.backends.ends import compare_ends

    where = f"{bundle.path / artifact.file}"
    try:
        ends = model_ends(bundle.contents[artifact.file], artifact.format)
    except ValueError as cause:
        raise BundleError(f"{where}: refused before any engine sees it: {one_line(cause)}") from cause
    compare_ends(ends, bundle.manifest, artifact, where)


def replay_golden(classifier: Classifier, golden: Golden) -> Replayed:
    """Runs the golden inputs and compares what comes out with what was recorded when the bundle was exported.

    An engine has one kernel for batches and another for single rows; Debian 13's 32-bit onnxruntime gets only the
    batches right. So all inputs run at once, and some of them one by one.

    Raises:
        BundleError: The recorded outputs are no scores.
        BackendError: The engine does not run the inputs, or gives other types or shapes than the manifest says.
    """
    recorded = golden.outputs[classifier.artifact.file]
    expected, scores = recorded.argmax(axis=1), classifier.scores_of(recorded)
    _check_scores(scores, classifier)
    classifier.check_output(golden.inputs[:1])
    raw = classifier.predict_raw(golden.inputs)
    wrong = raw.argmax(axis=1) != expected
    largest = float(np.abs(classifier.scores_of(raw) - scores).max())
    for index in range(0, len(expected), _SINGLES_STEP):
        wrong[index] |= classifier.predict_raw(golden.inputs[index : index + 1])[0].argmax() != expected[index]
    return Replayed(int(wrong.sum()), largest)


def _check_scores(scores: NDArray[np.float32], classifier: Classifier) -> None:
    """Checks that recorded outputs are scores: from 0 to 1, each row with a sum of 1.

    Raises:
        BundleError: They are not, so that the manifest's scale or kind of output is not the model's.
    """
    step = classifier.artifact.output.scale if classifier.artifact.output.dtype != "float32" else 0.0
    # Rounding moves each score by half a step at most; 255 / 256 is the largest that int8 holds.
    allowed = min(_SCORE_TOLERANCE + len(classifier.labels) * step / 2, 0.5)
    sums = scores.sum(axis=1)
    finite = bool(np.isfinite(scores).all())
    if not finite or scores.min() < -step or scores.max() > 1 + step or np.abs(sums - 1).max() > allowed + step:
        raise BundleError(
            f"{classifier.artifact.file}: its golden outputs are no scores from 0 to 1 that sum to 1; the manifest's "
            "output or scale is not the model's, export the bundle again"
        )
