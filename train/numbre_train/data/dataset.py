"""Any data set that a command takes, as rows to fit, to validate and to test on: MNIST, CSV files, or another one."""

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
from numbre_train.data.mnist import Say, load_mnist
from numbre_train.data.parts import in_mnist_form, read_parts
from numbre_train.data.rows import Rows
from numbre_train.data.splits import ROWS_LEAST, Split, split_apart, split_rows

_MNIST_TEST = "the 10,000 test rows of MNIST"
_SHAPE, _MOST_CLASSES = (28, 28), 256


@dataclass(frozen=True)
class Dataset:
    """Rows for their three purposes; no row serves two."""

    train: Rows
    """What training and choices may use."""
    split: Split
    """Which of them are for what."""
    test: Rows
    """What is looked at once, when a model is finished."""
    source: str
    """Where it came from."""
    test_source: str
    """Which rows the test rows are."""
    sha256: str
    """Hex digest of all rows."""
    labels: tuple[str, ...] = DIGITS
    """The classes, in the order of their numbers."""

    @cached_property
    def fit(self) -> Rows:
        """What training sees."""
        return self.train.take(self.split.fit)

    @cached_property
    def validation(self) -> Rows:
        """What choices are made on."""
        return self.train.take(self.split.validation)


def load_dataset(
    paths: Sequence[Path] | None = None,
    test: Sequence[Path] | None = None,
    say: Say = lambda _: None,
    labels: Path | None = None,
) -> Dataset:
    """Loads and splits a data set; the same rows are always split in the same way, `splits` says how.

    Args:
        paths: CSV files, or directories of them; or one place of MNIST as `load_mnist` takes it, None and the word
            mnist find MNIST; or one data set as `read_parts` takes it.
        test: The same, for the test rows instead of the ones that the split sets apart: every row of CSV files or of
            what `read_labelled` takes, or the 10,000 test rows of MNIST.
        say: Takes one line on each slow step.
        labels: A file that names the classes. Without it they are MNIST's digits, or the names of the folders, or the
            numbers that the rows hold.

    Raises:
        DataError: A path is none of these, a row is bad, or there are too few rows to split.
    """
    names = _names_in(labels, paths)
    if names_csv(paths):
        dataset = _csv(paths or (), names)
    elif _is_mnist(paths, names):
        mnist = load_mnist(_one_place(paths), say)
        dataset = Dataset(
            Rows(mnist.train_images, mnist.train_labels),
            split_rows(),
            Rows(mnist.test_images, mnist.test_labels),
            f"MNIST from {mnist.source}",
            _MNIST_TEST,
            mnist.sha256,
        )
    else:
        dataset = _labelled(_one_place(paths), names)
    if labels is not None:
        _check_all_there(labels, dataset)
    if test is None:
        return dataset
    rows, test_source = _test_rows(test, dataset.labels, say)
    return replace(dataset, test=rows, test_source=test_source)


def stream_rows(
    paths: Sequence[Path] | None, say: Say = lambda _: None, labels: Path | None = None
) -> tuple[str, Iterator[Rows], tuple[str, ...]]:
    """A name for some data, its rows, a few thousand at a time, and its classes; of two parts the training part."""
    names = _names_in(labels, paths)
    if names_csv(paths):
        files, classes = csv_files(paths or ()), names or DIGITS
        return _paths(paths), (chunk for file in files for chunk in read_csv(file, len(classes))), classes
    if _is_mnist(paths, names):
        mnist = load_mnist(_one_place(paths), say)
        rows = Rows(mnist.train_images, mnist.train_labels)
        return f"MNIST from {mnist.source}, training rows", iter([rows]), DIGITS
    dataset = _labelled(_one_place(paths), names)
    return f"{dataset.source}, training rows", iter([dataset.train]), dataset.labels


def names_csv(paths: Sequence[Path] | None) -> bool:
    """Whether paths stand for CSV files: so named, several, or a directory with such files inside."""
    if not paths:
        return False
    path = paths[0]
    inside = path.is_dir() and any(is_csv(entry) for entry in path.iterdir())
    return len(paths) > 1 or inside or is_csv(path)


def _names_in(labels: Path | None, paths: Sequence[Path] | None) -> tuple[str, ...] | None:
    if labels is None:
        return None
    names = read_labels(labels)
    if _one_place(paths) is None:
        raise DataError(f"{labels}: names classes, but no data set is named that has them; name it with --data")
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
    """Whether paths are MNIST: whoever names its classes says that a data set in MNIST's form is another one."""
    path = _one_place(paths)
    return path is None or (names is None and (in_mnist_form(path) or not path.exists()))


def _labelled(path: Path | None, names: tuple[str, ...] | None) -> Dataset:
    """A data set of another kind, with all its pictures 28×28."""
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
    """Refuses a file of labels that is too long.

    Raises:
        DataError: No row is of some class.
    """
    missing = set(range(len(dataset.labels))) - set(dataset.train.labels.tolist())
    if missing:
        raise DataError(
            f"{labels}: names {len(dataset.labels)} classes, but {dataset.source} has no row of class {min(missing)} "
            f"('{dataset.labels[min(missing)]}'); expected one name a class, in the order of their numbers"
        )


def _test_rows(paths: Sequence[Path], labels: tuple[str, ...], say: Say) -> tuple[Rows, str]:
    if names_csv(paths):
        return load_csv(csv_files(paths), len(labels))[0], f"all rows of {_paths(paths)}"
    path = _one_place(paths)
    if path is None or (labels == DIGITS and in_mnist_form(path)):
        mnist = load_mnist(path, say)
        return Rows(mnist.test_images, mnist.test_labels), _MNIST_TEST
    return _rows(read_labelled(path, _read_picture), labels), f"all rows of {path}"


def _one_place(paths: Sequence[Path] | None) -> Path | None:
    """The place to load a data set from; None, to find MNIST, also for the plain word mnist."""
    if not paths or (paths[0] == Path("mnist") and not paths[0].exists()):
        return None
    return paths[0]


def _paths(paths: Sequence[Path] | None) -> str:
    return ", ".join(str(path) for path in paths or ())
