"""Any data set that a command takes, as rows to fit, to validate and to test on: MNIST, or CSV files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from numbre_runtime.errors import DataError
from numbre_train.data.classes import DIGITS
from numbre_train.data.csv_files import csv_files, is_csv, load_csv, read_csv
from numbre_train.data.mnist import Say, load_mnist
from numbre_train.data.rows import Rows
from numbre_train.data.splits import CSV_ROWS_LEAST, Split, split_csv_rows, split_rows

_MNIST_TEST = "the 10,000 test rows of MNIST"


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
    paths: Sequence[Path] | None = None, test: Sequence[Path] | None = None, say: Say = lambda _: None
) -> Dataset:
    """Loads and splits a data set; the same rows are always split in the same way.

    MNIST comes split into 55,000, 5,000 and 10,000 rows. CSV rows are drawn, once and seeded, into 80% to fit, 10% to
    validate and 10% to test.

    Args:
        paths: CSV files, or directories of them, or one place of MNIST as `load_mnist` takes it; None and
            the word mnist find MNIST.
        test: The same, for the test rows instead of the ones that the split sets apart: every row of CSV files, or the
            10,000 test rows of MNIST.
        say: Takes one line on each slow step.

    Raises:
        DataError: A path is none of these, a row is bad, or there are too few rows to split.
    """
    if names_csv(paths):
        rows, digest = load_csv(csv_files(paths or ()))
        if len(rows) < CSV_ROWS_LEAST:
            raise DataError(f"{_names(paths)}: {len(rows)} rows; at least {CSV_ROWS_LEAST} are needed to split them")
        kept, apart, split = split_csv_rows(len(rows))
        test_source = f"{len(apart):,} rows set apart from {_names(paths)}"
        dataset = Dataset(rows.take(kept), split, rows.take(apart), _names(paths), test_source, digest)
    else:
        mnist = load_mnist(_one_place(paths), say)
        dataset = Dataset(
            Rows(mnist.train_images, mnist.train_labels),
            split_rows(),
            Rows(mnist.test_images, mnist.test_labels),
            f"MNIST from {mnist.source}",
            _MNIST_TEST,
            mnist.sha256,
        )
    if test is None:
        return dataset
    if names_csv(test):
        rows, test_source = load_csv(csv_files(test))[0], f"all rows of {_names(test)}"
    else:
        mnist = load_mnist(_one_place(test), say)
        rows, test_source = Rows(mnist.test_images, mnist.test_labels), _MNIST_TEST
    return replace(dataset, test=rows, test_source=test_source)


def stream_rows(paths: Sequence[Path] | None, say: Say = lambda _: None) -> tuple[str, Iterator[Rows]]:
    """A name for some data and its rows, a few thousand at a time; of MNIST the 60,000 training rows."""
    if names_csv(paths):
        files = csv_files(paths or ())
        return _names(paths), (chunk for file in files for chunk in read_csv(file))
    mnist = load_mnist(_one_place(paths), say)
    return f"MNIST from {mnist.source}, training rows", iter([Rows(mnist.train_images, mnist.train_labels)])


def names_csv(paths: Sequence[Path] | None) -> bool:
    """Whether paths stand for CSV files: so named, several, or a directory with such files inside."""
    if not paths:
        return False
    path = paths[0]
    inside = path.is_dir() and any(is_csv(entry) for entry in path.iterdir())
    return len(paths) > 1 or inside or is_csv(path)


def _one_place(paths: Sequence[Path] | None) -> Path | None:
    """The place to load MNIST from; None, to find it, also for the plain word mnist."""
    if not paths or (paths[0] == Path("mnist") and not paths[0].exists()):
        return None
    return paths[0]


def _names(paths: Sequence[Path] | None) -> str:
    return ", ".join(str(path) for path in paths or ())
