"""A data set's training and test rows: its own two parts, or test rows set apart from a single part.

- two parts: a directory with the four IDX files of MNIST's names, or with the folders train and test, each with
  one folder a class; an npz file with x_train, y_train, x_test, y_test. A twelfth of the training part is for
  validation.
- one part: whatever `read_labelled` takes. A tenth of its rows is for testing, a tenth for validation.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from numbre_runtime.errors import DataError
from numbre_train.data.labelled import Labelled, ReadPicture, idx_path, read_labelled, read_npz_pair
from numbre_train.data.splits import ROWS_LEAST, VALIDATION_PART, Split, split_apart, split_rows

_IDX_PARTS = ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")


@dataclass(frozen=True)
class TrainTestRows:
    """The rows of a data set for training and for testing; no row serves both."""

    train: Labelled
    """The rows that training, choices and calibration may use."""
    split: Split
    """Which of them are to fit and which to validate."""
    test: Labelled
    """The rows that measure a finished model."""
    test_source: str
    """Description of the test rows, for messages."""


def read_parts(path: Path, read_picture: ReadPicture) -> TrainTestRows:
    """Reads a data set; the same rows are always split in the same way.

    Args:
        path: See above.
        read_picture: See `read_labelled`.

    Raises:
        DataError: See `read_labelled`; or a part is missing, or too small to be split.
    """
    both = _both_parts(path, read_picture)
    if both is not None:
        train, test = both
        _check_count(train, VALIDATION_PART)
        return TrainTestRows(train, split_rows(len(train)), test, f"the {len(test):,} rows of the test part")
    rows = read_labelled(path, read_picture)
    _check_count(rows, ROWS_LEAST)
    kept, apart, split = split_apart(len(rows))
    return TrainTestRows(rows.take(kept), split, rows.take(apart), f"{len(apart):,} rows set apart from {path}")


def in_mnist_form(path: Path) -> bool:
    """Whether a path may be MNIST: a directory of IDX files or of an mnist.npz, or an npz file of both parts."""
    if path.is_dir():
        return (path / "mnist.npz").exists() or any(idx_path(path / name) for name in _IDX_PARTS)
    return path.suffix == ".npz" and not _single_npz(path)


def _both_parts(path: Path, read_picture: ReadPicture) -> tuple[Labelled, Labelled] | None:
    """The training and the test part; None if the data set has a single part."""
    if not path.is_dir():
        if path.suffix != ".npz" or _single_npz(path):
            return None
        return read_npz_pair(path, "x_train", "y_train"), read_npz_pair(path, "x_test", "y_test")
    if (path / "train").is_dir() and (path / "test").is_dir():
        return read_labelled(path / "train", read_picture), read_labelled(path / "test", read_picture)
    images = [idx_path(path / name) for name in _IDX_PARTS]
    if images == [None, None]:
        return None
    for name, image in zip(_IDX_PARTS, images, strict=True):
        if image is None:
            raise DataError(f"{path}: {name} is missing; expected the four IDX files of a training and a test part")
    train, test = (read_labelled(image, read_picture) for image in images if image is not None)
    return train, test


def _single_npz(path: Path) -> bool:
    """Whether an npz file holds x and y, without a test part."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "x.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        # The function that reads the file next reports what is wrong.
        return False


def _check_count(rows: Labelled, least: int) -> None:
    if len(rows) < least:
        raise DataError(f"{rows.source}: {len(rows)} rows; at least {least} are needed to split them")
