"""Labelled rows of any data set, from the usual kinds of file.

- `.npz` with the arrays x and y;
- `.csv`, the label first, then one column a value, with or without a line of names;
- an IDX file of images, with its labels in the file beside it (…-images-idx3-ubyte, …-labels-idx1-ubyte, gzipped or
not);
- a directory with one folder of pictures for each class.

Reading executes nothing, and memory is limited by `_LIMIT` bytes and the arrays that NumPy makes of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError, ImageError
from numbre_runtime.files import read_limited
from numbre_runtime.idx import idx_content, parse_idx
from numbre_runtime.npz import read_npz

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_LIMIT = 512 << 20

ReadPicture = Callable[[Path], NDArray[np.uint8]]


@dataclass(frozen=True)
class Labelled:
    """Rows and their labels."""

    inputs: NDArray[Any]
    """(N, …) uint8 pixels, or float32 values."""
    labels: NDArray[Any]
    """(N,) integers, or str where the data set names its classes."""
    source: str
    """The file or directory."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.labels)

    def take(self, numbers: NDArray[np.int64]) -> Labelled:
        """A copy of the rows of these numbers, in their order."""
        return replace(self, inputs=self.inputs[numbers], labels=self.labels[numbers])

    def pixels(self) -> NDArray[np.uint8] | None:
        """The inputs as uint8, if all are whole numbers 0–255."""
        if self.inputs.dtype == np.uint8:
            return self.inputs
        whole = self.inputs.min() >= 0 and self.inputs.max() <= 255 and bool((self.inputs % 1 == 0).all())
        return self.inputs.astype(np.uint8) if whole else None

    @property
    def sha256(self) -> str:
        """Digest of all rows and labels, in order."""
        digest = hashlib.sha256(np.ascontiguousarray(self.inputs).tobytes())
        digest.update("\n".join(str(label) for label in self.labels).encode())
        return digest.hexdigest()


def read_labelled(path: Path, read_picture: ReadPicture) -> Labelled:
    """Reads one set of rows.

    Args:
        path: One of the kinds of file above.
        read_picture: Reads a picture file as an array of the input shape; only used for a directory of class folders.

    Raises:
        DataError: It is missing, damaged, too large, of an unknown kind, without rows, or holds NaN or infinity.
    """
    if path.is_dir():
        inputs, labels = _from_folders(path, read_picture)
    elif path.suffix == ".npz":
        return read_npz_pair(path, "x", "y")
    elif path.suffix == ".csv":
        inputs, labels = _from_csv(path)
    elif "-idx" in path.name:
        inputs, labels = _from_idx(path)
    else:
        what = "no such file or directory" if not path.exists() else "expected .npz, .csv, IDX or a directory"
        raise DataError(f"{path}: {what}")
    return _checked(inputs, labels, path)


def read_npz_pair(path: Path, x: str, y: str) -> Labelled:
    """The rows of two arrays of an npz file.

    Raises:
        DataError: See `read_labelled`.
    """
    arrays = read_npz(read_limited(path, _LIMIT, DataError), str(path), DataError)
    return _checked(*_pair(arrays, x, y, path), path)


def _checked(inputs: NDArray[Any], labels: NDArray[Any], path: Path) -> Labelled:
    if not len(inputs):
        raise DataError(f"{path}: has no row")
    if inputs.dtype != np.uint8:
        if inputs.dtype.kind not in "fiu":
            raise DataError(f"{path}: values are {inputs.dtype}; expected numbers")
        with np.errstate(over="ignore"):
            inputs = inputs.astype(np.float32)
        if not np.isfinite(inputs).all():
            raise DataError(f"{path}: row {_first_bad(inputs)} holds NaN or infinity; clean the data first")
    return Labelled(inputs, labels, str(path))


def _first_bad(inputs: NDArray[Any]) -> int:
    return int(np.flatnonzero(~np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1))[0])


def _pair(arrays: dict[str, NDArray[Any]], x: str, y: str, path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    if x not in arrays or y not in arrays:
        raise DataError(f"{path}: expected the arrays {x} and {y}, got {', '.join(sorted(arrays)) or 'none'}")
    inputs, labels = arrays[x], arrays[y]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if inputs.ndim < 2 or labels.shape != (len(inputs),):
        raise DataError(f"{path}: {x} is {inputs.shape} and {y} {labels.shape}; expected (N, …) and (N,)")
    if labels.dtype.kind not in "iuU":
        raise DataError(f"{path}: {y} is {labels.dtype}; expected integers or text, one a row")
    return inputs, labels


def _from_csv(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        text = read_limited(path, _LIMIT, DataError).decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise DataError(f"{path}: not UTF-8 text ({cause})") from cause
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and not _numeric(lines[0].split(",")[1:]):
        lines = lines[1:]
    if not lines:
        raise DataError(f"{path}: has no row")
    words, rows = zip(*(line.partition(",")[::2] for line in lines), strict=True)
    try:
        values = np.loadtxt(rows, np.float64, delimiter=",", ndmin=2, comments=None)
    except ValueError as cause:
        raise DataError(f"{path}: not the label and then numbers in every line ({cause})") from cause
    labels = np.array([word.strip().strip('"') for word in words])
    if all(label.lstrip("-").isdigit() for label in labels):
        labels = labels.astype(np.int64)
    return values.astype(np.float32), labels


def _numeric(words: list[str]) -> bool:
    try:
        [float(word) for word in words]
    except ValueError:
        return False
    return bool(words)


def _from_idx(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    beside = path.with_name(path.name.removesuffix(".gz").replace("images-idx3", "labels-idx1"))
    labels = idx_path(beside)
    if labels is None or labels == path:
        raise DataError(f"{path}: its labels, {beside.name}, are not beside it")
    inputs, classes = (parse_idx(idx_content(part, _LIMIT), str(part)) for part in (path, labels))
    if classes.shape != (len(inputs),):
        raise DataError(f"{path}: {len(inputs)} images, but {labels.name} has labels of shape {classes.shape}")
    return inputs, classes


def idx_path(plain: Path) -> Path | None:
    """A file, or the one with .gz behind its name, if there is any."""
    for path in (plain, plain.with_name(f"{plain.name}.gz")):
        if path.is_file():
            return path
    return None


def _from_folders(path: Path, read_picture: ReadPicture) -> tuple[NDArray[Any], NDArray[Any]]:
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir())
    files = [
        (file, folder.name)
        for folder in folders
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in PICTURES
    ]
    if not files:
        raise DataError(f"{path}: no pictures in it; expected one folder of pictures for each class")
    pictures: list[NDArray[np.uint8]] = []
    size = 0
    for file, _ in files:
        try:
            pictures.append(read_picture(file))
        except ImageError as cause:
            raise DataError(str(cause)) from cause
        size += pictures[-1].nbytes
        if size > _LIMIT:
            raise DataError(f"{path}: more than the {_LIMIT:,} bytes of pixels that are read at most")
    return np.stack(pictures), np.array([name for _, name in files])
