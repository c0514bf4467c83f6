"""Reading a bundle: a plain directory with a manifest, model files and golden vectors.

Reading never executes anything: JSON, npz without pickle, and a SHA-256 check of the very bytes that are then used.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbre_runtime.errors import BundleError
from numbre_runtime.files import read_limited
from numbre_runtime.manifest import Artifact, Manifest
from numbre_runtime.npz import read_npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
"""Who made the bundle; see `numbre_runtime.signature`."""
ALLOWED_SIGNERS = "NUMBRE_ALLOWED_SIGNERS"
"""Environment variable: a file of allowed signers (ssh-keygen(1)); if it is set, no unsigned bundle is loaded."""
GOLDEN = "golden.npz"
TEST_DATA = "test_data.npz"
MODELS = Path(__file__).parent / "models"
"""Where the bundles are that ship with the runtime."""
DEFAULT_BUNDLE = MODELS / "digits-int8"
"""The one of them that is used where none is named."""

MANIFEST_LIMIT = 1 << 20
"""Most bytes of a manifest."""
BUNDLE_LIMIT = 256 << 20
"""Most bytes of all other files of a bundle together."""


_VERSION_DIGITS = 12


class Golden(NamedTuple):
    """Inputs and the exact outputs that an artifact gave for them when it was exported."""

    inputs: NDArray[Any]
    """(N, *input shape) uint8 pixels, or float32 values (`InputSpec.dtype`)."""
    labels: NDArray[np.integer]
    """(N,) true classes."""
    outputs: dict[str, NDArray[np.generic]]
    """Artifact's file name to (N, classes) in the artifact's own output type."""


class LabelledImages(NamedTuple):
    """Images that a bundle can be tried on."""

    images: NDArray[Any]
    """(N, *input shape) pixels, or float32 values (`InputSpec.dtype`)."""
    labels: NDArray[np.integer]
    """(N,) true classes."""
    answers: NDArray[np.integer] | None
    """(N,) what the Keras model answers; None where that is not known."""


class Bundle(NamedTuple):
    """A bundle whose files were all there, and as the manifest says, when it was read."""

    path: Path
    """Its directory."""
    manifest: Manifest
    """What it says of itself."""
    contents: dict[str, bytes]
    """File name to verified bytes, of every file that the manifest lists."""

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, hexadecimal; the manifest lists the SHA-256 of every file."""
        return hashlib.sha256(self.manifest.to_json()).hexdigest()

    @property
    def version(self) -> str:
        """The first digits of `digest`, which tell one bundle of a name from another."""
        return self.digest[:_VERSION_DIGITS]

    def golden(self) -> Golden:
        """The golden vectors.

        Raises:
            BundleError: They are missing or malformed.
        """
        arrays = read_npz(self._content(GOLDEN), f"{self.path / GOLDEN}", BundleError)
        try:
            outputs = {artifact.file: arrays[artifact.file] for artifact in self.manifest.artifacts}
            golden = Golden(arrays["inputs"], arrays["labels"], outputs)
        except KeyError as cause:
            raise BundleError(f"{self.path / GOLDEN}: {cause} is missing; export the bundle again") from cause
        expected = (len(golden.inputs), *self.manifest.input.shape)
        dtype = self.manifest.input.dtype
        if golden.inputs.dtype != dtype or golden.inputs.shape != expected or len(golden.inputs) == 0:
            raise BundleError(f"{self.path / GOLDEN}: inputs are not {dtype} of shape {expected}")
        rows = (len(golden.inputs),)
        if golden.labels.dtype.kind not in "iu" or golden.labels.shape != rows:
            raise BundleError(f"{self.path / GOLDEN}: labels are {golden.labels.dtype} {golden.labels.shape}")
        for artifact in self.manifest.artifacts:
            output = outputs[artifact.file]
            if output.dtype != artifact.output.dtype or output.shape != (*rows, len(self.manifest.labels)):
                raise BundleError(
                    f"{self.path / GOLDEN}: {artifact.file} has outputs of {output.dtype} {output.shape}; expected "
                    f"{artifact.output.dtype} {(*rows, len(self.manifest.labels))}"
                )
        return golden

    def test_data(self) -> LabelledImages | None:
        """The test images, if the bundle carries any.

        Raises:
            BundleError: They are malformed.
        """
        if TEST_DATA not in self.contents:
            return None
        spec = self.manifest.input
        return labelled_images(self.contents[TEST_DATA], f"{self.path / TEST_DATA}", spec.shape, spec.dtype)

    def artifact(self, file: str) -> Artifact:
        """The artifact of that file name.

        Raises:
            BundleError: The bundle has none of that name.
        """
        for artifact in self.manifest.artifacts:
            if artifact.file == file:
                return artifact
        names = ", ".join(artifact.file for artifact in self.manifest.artifacts)
        raise BundleError(f"{self.path}: no artifact '{file}'; it has {names}")

    def _content(self, file: str) -> bytes:
        try:
            return self.contents[file]
        except KeyError as cause:
            raise BundleError(f"{self.path}: its manifest does not list {file}; export it again") from cause


def bundle_path(place: str | os.PathLike[str] | None) -> Path:
    """Where a bundle is: the directory `place`, else the shipped bundle of that name; None is the default bundle.

    A place that is neither comes back as it is, for `read_bundle` to refuse.
    """
    if place is None:
        return DEFAULT_BUNDLE
    path = Path(place)
    if not os.path.lexists(path) and path.name == str(path) and os.path.isfile(MODELS / path / MANIFEST):  # noqa: PTH113
        return MODELS / path
    return path


def shipped_bundles() -> list[Path]:
    """The bundles that ship with the runtime, the default one first."""
    found = sorted(path.parent for path in MODELS.glob(f"*/{MANIFEST}"))
    return sorted(found, key=lambda path: path != DEFAULT_BUNDLE)


def read_bundle(path: Path) -> Bundle:
    """Reads a bundle and checks that no file of it is missing, extra or altered.

    Raises:
        BundleError: It is no bundle, or not as its manifest says.
    """
    if not os.path.lexists(path):
        from numbre_runtime.directories import put_back

        put_back(path)
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a parent cannot be entered
        if os.path.exists(path):  # noqa: PTH110
            raise BundleError(f"{path}: is a file; name the bundle's directory")
        shipped = ", ".join(entry.name for entry in shipped_bundles())
        raise BundleError(f"{path}: no such directory, nor a bundle that ships with the runtime ({shipped})")
    if not os.path.isfile(path / MANIFEST):  # noqa: PTH113
        raise BundleError(f"{path}: not a bundle, it has no {MANIFEST}; numbre-export --int8 makes one")
    text = read_limited(path / MANIFEST, MANIFEST_LIMIT, BundleError)
    # The bundles that ship are part of the installed package.
    if os.environ.get(ALLOWED_SIGNERS) and path.parent != MODELS:
        _refuse_unsigned(path, text, Path(os.environ[ALLOWED_SIGNERS]))
    manifest = Manifest.from_json(text, f"{path / MANIFEST}")
    try:
        present = {entry.name for entry in path.iterdir()}
    except OSError as cause:
        raise BundleError(f"{path}: cannot be read ({cause.strerror or cause})") from cause
    extra = present - {entry.file for entry in manifest.entries} - {MANIFEST, SIGNATURE}
    if extra:
        raise BundleError(f"{path}: {sorted(extra)[0]} is not in its manifest; remove it or export again")
    total = sum(entry.bytes for entry in manifest.entries)
    if total > BUNDLE_LIMIT:
        raise BundleError(f"{path}: its files have {total:,} bytes; at most {BUNDLE_LIMIT:,} are read")
    contents: dict[str, bytes] = {}
    for entry in manifest.entries:
        content = read_limited(path / entry.file, entry.bytes, BundleError)
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry.sha256:
            raise BundleError(
                f"{path / entry.file}: altered, its SHA-256 is {digest} but the manifest says {entry.sha256}; "
                "copy the bundle again"
            )
        contents[entry.file] = content
    return Bundle(path, manifest, contents)


def _refuse_unsigned(path: Path, manifest: bytes, signers: Path) -> None:
    """Refuses a bundle that none of the allowed signers has signed.

    Raises:
        BundleError: None has.
    """
    from numbre_runtime.signature import verify_signature

    if not os.path.lexists(path / SIGNATURE):
        raise BundleError(f"{path}: is not signed, and only signed bundles are loaded; numbre-export --sign KEY")
    content = read_limited(path / SIGNATURE, MANIFEST_LIMIT, BundleError)
    verify_signature(content, manifest, signers, f"{path}")


def labelled_images(content: bytes, where: str, shape: tuple[int, ...], dtype: str = "uint8") -> LabelledImages:
    """Reads `images`, `labels` and, if it is there, `answers` from an npz file; see `LabelledImages`.

    Raises:
        BundleError: An array is missing or of another shape or dtype.
    """
    arrays = read_npz(content, where, BundleError)
    images, labels, answers = (arrays.get(name) for name in ("images", "labels", "answers"))
    if images is None or labels is None:
        raise BundleError(f"{where}: expected the arrays 'images' and 'labels', got {sorted(arrays)}")
    if images.dtype != dtype or images.shape[1:] != shape or not len(images):
        raise BundleError(f"{where}: images are {images.dtype} {images.shape}, expected {dtype} (N, {shape})")
    for name, array in (("labels", labels), ("answers", answers)):
        if array is not None and (array.dtype.kind not in "iu" or array.shape != (len(images),)):
            raise BundleError(f"{where}: {name} are {array.dtype} {array.shape}, expected integers ({len(images)},)")
    return LabelledImages(images, labels, answers)
