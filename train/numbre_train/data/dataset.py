"""Every data set as rows to fit, to validate and to test on: MNIST, CSV files, or other labelled images 28×28."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError
from numbre_runtime.pictures.resize import to_shape
from numbre_train.data.classes import DIGITS, class_numbers, named_by, read_labels
from numbre_train.data.csv_files import csv_files, is_csv, load_csv, read_csv
from numbre_train.data.labelled import Labelled, read_labelled
from numbre_train.data.mnist import load_mnist
from numbre_train.data.parts import in_mnist_form, read_parts
from numbre_train.data.rows import Rows
from numbre_train.data.splits import ROWS_LEAST, Split, split_apart, split_rows

_MNIST_TEST = "the 10,000 test rows of MNIST"
_SHAPE, _MOST_CLASSES = (28, 28), 256


@dataclass(frozen=True)
class Dataset:
    """Rows for fitting, validation and testing; no row serves two purposes."""

    train: Rows
    """The rows that training and choices may use."""
    split: Split
    """Which of these are to fit and which to validate."""
    test: Rows
    """The rows that measure a finished model, once."""
    source: str
    """Where the data came from, for messages."""
    test_source: str
    """Description of the test rows, for messages."""
    sha256: str
    """Hex digest of all rows and labels."""
    labels: tuple[str, ...]
    """Names of the classes, in the order of their numbers."""

    @cached_property
    def fit(self) -> Rows:
        """The rows that training learns."""
        return self.train.take(self.split.fit)

    @cached_property
    def validation(self) -> Rows:
        """The rows that choices are made on."""
        return self.train.take(self.split.validation)


def load_dataset(
    paths: Sequence[Path | str] | Path | str | None = None,
    test: Sequence[Path | str] | Path | str | None = None,
    labels: Path | str | None = None,
) -> Dataset:
    """Loads a data set and splits it; the same rows are always split in the same way, see `numbre_train.data.splits`.

    Args:
        paths: CSV files or directories of them; or a directory or file with MNIST, as `load_mnist` takes it; or another
            data set, as `read_parts` takes it. None or "mnist" load MNIST from the cache or download it.
        test: Rows to test on instead of the data set's own test rows: all rows of CSV files or of a data set, or
            "mnist", the 10,000 test rows of MNIST.
        labels: A file that names the classes, one a line. Without it the classes are MNIST's digits, the names of the
            folders, or the numbers in the rows.

    Raises:
        DataError: A path is none of these, a row is bad, or there are too few rows to split.

    Example:
        >>> data = load_dataset()
        >>> data.labels[:3], len(data.fit), data.test.images.shape
        (('0', '1', '2'), 55000, (10000, 28, 28))
    """
    return _load(_as_paths(paths), _as_paths(test), None if labels is None else Path(labels))


def _as_paths(paths: Sequence[Path | str] | Path | str | None) -> list[Path] | None:
    if paths is None:
        return None
    return [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]


def _load(paths: list[Path] | None, test: list[Path] | None, labels: Path | None) -> Dataset:
    names = _names_in(labels, paths)
    if names_csv(paths):
        dataset = _csv(paths or (), names)
    elif _is_mnist(paths, names):
        mnist = load_mnist(_single_path(paths))
        dataset = Dataset(
            Rows(mnist.train_images, mnist.train_labels),
            split_rows(),
            Rows(mnist.test_images, mnist.test_labels),
            f"MNIST from {mnist.source}",
            _MNIST_TEST,
            mnist.sha256,
            DIGITS,
        )
    else:
        dataset = _labelled(_single_path(paths), names)
    if labels is not None:
        _check_all_there(labels, dataset)
    if test is None:
        return dataset
    rows, test_source = _test_rows(test, dataset.labels)
    return replace(dataset, test=rows, test_source=test_source)


def stream_rows(
    paths: Sequence[Path] | None, labels: Path | None = None
) -> tuple[str, Iterator[Rows], tuple[str, ...]]:
    """Describes a data set and reads it in pieces; of one with a test part, the training part.

    Returns:
        A description, the rows, a few thousand at a time, and the names of the classes.
    """
    names = _names_in(labels, paths)
    if names_csv(paths):
        files, classes = csv_files(paths or ()), names or DIGITS
        return _paths(paths), (chunk for file in files for chunk in read_csv(file, len(classes))), classes
    if _is_mnist(paths, names):
        mnist = load_mnist(_single_path(paths))
        rows = Rows(mnist.train_images, mnist.train_labels)
        return f"MNIST from {mnist.source}, training rows", iter([rows]), DIGITS
    dataset = _labelled(_single_path(paths), names)
    return f"{dataset.source}, training rows", iter([dataset.train]), dataset.labels


def names_csv(paths: Sequence[Path] | None) -> bool:
    """Whether the paths mean CSV files: a .csv or .csv.gz name, several paths, or a directory that holds such files."""
    if not paths:
        return False
    path = paths[0]
    inside = path.is_dir() and any(is_csv(entry) for entry in path.iterdir())
    return len(paths) > 1 or inside or is_csv(path)


def _names_in(labels: Path | None, paths: Sequence[Path] | None) -> tuple[str, ...] | None:
    if labels is None:
        return None
    names = read_labels(labels)
    if _single_path(paths) is None:
        raise DataError(f"{labels}: names classes, but no data set is given; name it with --data")
    if len(names) > _MOST_CLASSES:
        raise DataError(f"{labels}: names {len(names)} classes; at most {_MOST_CLASSES} can be trained")
    return names


def _csv(paths: Sequence[Path], names: tuple[str, ...] | None) -> Dataset:
    labels = names or DIGITS
    rows, digest = load_csv(csv_files(paths), len(labels))
    if len(rows) < ROWS_LEAST:
        raise DataError(f"{_paths(paths)}: {len(rows)} rows; at least {ROWS_LEAST} are needed to split them")
    kept, apart, split = split_apart(len(rows))
    test_source = f"{len(apart):,} rows set apart from {_paths(paths)}"
    return Dataset(rows.take(kept), split, rows.take(apart), _paths(paths), test_source, digest, labels)


def _is_mnist(paths: Sequence[Path] | None, names: tuple[str, ...] | None) -> bool:
    """Whether the paths are MNIST; a data set in MNIST's form whose classes are named is taken for another one."""
    path = _single_path(paths)
    return path is None or (names is None and (in_mnist_form(path) or not path.exists()))


def _labelled(path: Path | None, names: tuple[str, ...] | None) -> Dataset:
    """A data set of another kind, its pictures resized to 28×28."""
    assert path is not None  # noqa: S101 - see _is_mnist
    parts = read_parts(path, _read_picture)
    labels = names or named_by(parts.train, parts.test) or _numbered(parts.train)
    digest = hashlib.sha256(f"{parts.train.sha256} {parts.test.sha256} {labels}".encode()).hexdigest()
    train, test = _rows(parts.train, labels), _rows(parts.test, labels)
    return Dataset(train, parts.split, test, str(path), parts.test_source, digest, labels)


def _read_picture(path: Path) -> NDArray[np.uint8]:
    return to_shape(path, _SHAPE)


def _numbered(part: Labelled) -> tuple[str, ...]:
    largest = int(part.labels.max())
    if not 1 <= largest < _MOST_CLASSES:
        raise DataError(f"{part.source}: labels up to {largest}; expected numbers from 0 to 1–{_MOST_CLASSES - 1}")
    return tuple(str(label) for label in range(largest + 1))


def _rows(part: Labelled, labels: tuple[str, ...]) -> Rows:
    """The rows of a labelled set.

    Raises:
        DataError: They are not 28×28 grey levels, or of other classes.
    """
    shape = part.inputs.shape[1:]
    if shape not in (_SHAPE, (*_SHAPE, 1), (_SHAPE[0] * _SHAPE[1],)):
        raise DataError(
            f"{part.source}: images of shape {shape}; numbre-train takes (28, 28) grey levels. Train a network for "
            "others with Keras; numbre-export takes it"
        )
    pixels = part.pixels()
    if pixels is None:
        span = f"from {part.inputs.min():g} to {part.inputs.max():g}"
        raise DataError(f"{part.source}: values {span} are no pixels; expected whole numbers 0–255")
    return Rows(pixels.reshape(-1, *_SHAPE), class_numbers(part, labels).astype(np.uint8))


def _check_all_there(labels: Path, dataset: Dataset) -> None:
    """Refuses a file of labels with a class that no row has.

    Raises:
        DataError: A class has no row.
    """
    missing = set(range(len(dataset.labels))) - set(dataset.train.labels.tolist())
    if missing:
        raise DataError(
            f"{labels}: names {len(dataset.labels)} classes, but {dataset.source} has no row of class {min(missing)} "
            f"('{dataset.labels[min(missing)]}'); expected one name for each class, in the order of their numbers"
        )


def _test_rows(paths: Sequence[Path], labels: tuple[str, ...]) -> tuple[Rows, str]:
    if names_csv(paths):
        return load_csv(csv_files(paths), len(labels))[0], f"all rows of {_paths(paths)}"
    path = _single_path(paths)
    if path is None or (labels == DIGITS and in_mnist_form(path)):
        mnist = load_mnist(path)
        return Rows(mnist.test_images, mnist.test_labels), _MNIST_TEST
    return _rows(read_labelled(path, _read_picture), labels), f"all rows of {path}"


def _single_path(paths: Sequence[Path] | None) -> Path | None:
    """The path of the data set; None stands for MNIST, and so does the word mnist."""
    if not paths or (paths[0] == Path("mnist") and not paths[0].exists()):
        return None
    return paths[0]


def _paths(paths: Sequence[Path] | None) -> str:
    return ", ".join(str(path) for path in paths or ())
