"""The rows of an export: to calibrate with, to choose on, and to test on. No row serves two purposes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.converter import SourceModel
from numbre_export.data.hygiene import FEWEST_ROWS, check_calibration, overlap, row_hashes, rows_digest
from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.manifest import PREPROCESSINGS, InputSpec
from numbre_runtime.pictures.digit import to_mnist
from numbre_runtime.pictures.resize import to_shape
from numbre_runtime.strict_json import parse_json
from numbre_runtime.tensors import network_values
from numbre_train.data import calibration_rows, load_mnist, split_rows
from numbre_train.data.classes import DIGITS, LABELS_FILE, class_numbers, named_by, read_labels
from numbre_train.data.labelled import Labelled, read_labelled
from numbre_train.data.parts import in_mnist_form, read_parts
from numbre_train.data.splits import CALIBRATION_SEED, SPLIT_SEED

CALIBRATION_ROWS = 500
MORE_ROWS = 2000
"""The number of calibration rows on the ladder's rung that tries more of them."""
_VALIDATION_ROWS = 5000
_PREPROCESSING_LIMIT = 1 << 24


@dataclass(frozen=True)
class DataOptions:
    """The user's options about data."""

    data: Path | None
    """A data set as `read_parts` takes it; None is MNIST wherever it is found."""
    calibration: Path | None
    """Rows to calibrate with, instead of the training part."""
    test: Path | None
    """Rows to judge with, instead of the test part."""
    labels: Path | None
    """A file with one class name a line."""
    preprocess: str | None
    """"mnist", a key of `PREPROCESSINGS`, or the path of a JSON file with "factors" and "offsets"."""
    rows: int
    """How many rows to calibrate with."""
    allow_overlap: bool
    """Whether calibration rows may be test rows."""
    none_label: str | None = None
    """The class that stands for "none of the others"; the data needs no row of it."""


@dataclass(frozen=True)
class Samples:
    """Inputs and their classes."""

    inputs: NDArray[Any]
    """(N, *shape) of the input spec's dtype."""
    labels: NDArray[np.int64]
    """(N,) indices into the labels."""


@dataclass(frozen=True)
class ExportData:
    """All rows of an export."""

    name: str
    """The data set's name."""
    spec: InputSpec
    """The input that the bundle's user gives."""
    labels: tuple[str, ...]
    """The classes, in the order of the scores."""
    pool: Samples
    """The rows that calibration rows are drawn from."""
    kept_out: Samples | None
    """Rows of the training part that calibration never takes, as validation; None: what is left of the pool."""
    test: Samples
    """The rows that decide."""
    allow_overlap: bool
    """See `DataOptions.allow_overlap`."""
    notes: dict[str, Any] = field(default_factory=dict)
    """For the manifest."""

    def draw(self, count: int) -> NDArray[np.int64]:
        """Numbers of the pool's rows to calibrate with: as many of each class, seeded, all where there are fewer."""
        if count < FEWEST_ROWS:
            raise DataError(f"--calibration-rows {count}: expected {FEWEST_ROWS} or more")
        present = np.bincount(self.pool.labels)
        share = -(-count // max(int((present > 0).sum()), 1))
        if count >= len(self.pool.labels) or share > present[present > 0].min():
            generator = np.random.default_rng(CALIBRATION_SEED)
            size = min(count, len(self.pool.labels))
            return np.sort(generator.choice(len(self.pool.labels), size, replace=False))
        return calibration_rows(self.pool.labels, np.arange(len(self.pool.labels)), count)

    def calibration(self, count: int) -> NDArray[np.float32]:
        """The drawn rows as the network takes them, (rows, values) float32, checked.

        Raises:
            DataError: They are test rows too, too few, or no real data.
        """
        inputs = self.pool.inputs[self.draw(count)]
        check_calibration(inputs, self.test.inputs)
        self._check_overlap(inputs, "calibration")
        return self.network_values(inputs)

    def network_values(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Inputs (N, *shape) as the network takes them, (N, values) float32."""
        return network_values(self.spec, inputs.reshape(len(inputs), -1))

    @cached_property
    def validation(self) -> Samples:
        """Up to 5,000 rows that are not tested on, to choose on and for explanations.

        They are not calibrated with either, unless no others are left; `validation_source` tells.
        """
        rows, taken = self.pool if self.kept_out is None else self.kept_out, set(row_hashes(self.test.inputs))
        drawn = (self.draw(count) for count in (CALIBRATION_ROWS, MORE_ROWS))
        calibrated = {row for numbers in drawn for row in row_hashes(self.pool.inputs[numbers])}
        hashes = row_hashes(rows.inputs)
        left = [index for index, row in enumerate(hashes) if row not in taken and row not in calibrated]
        if not left:
            left = [index for index, row in enumerate(hashes) if row not in taken]
        return Samples(rows.inputs[left[:_VALIDATION_ROWS]], rows.labels[left[:_VALIDATION_ROWS]])

    @property
    def validation_source(self) -> str:
        """Which rows those are, in words."""
        count = len(self.validation.labels)
        if self.kept_out is not None:
            return f"{count:,} validation rows"
        calibrated = set(row_hashes(self.pool.inputs[self.draw(CALIBRATION_ROWS)]))
        if calibrated & set(row_hashes(self.validation.inputs)):
            return f"the {count:,} calibration rows, because there are no others"
        return f"{count:,} rows that are neither calibrated with nor tested on"

    def provenance(self, count: int) -> dict[str, Any]:
        """Which rows were used, for the manifest."""
        drawn = self.draw(count)
        numbers = self.notes.get("row_numbers", np.arange(len(self.pool.labels)))[drawn]
        return {
            "data": {"name": self.name, **{key: item for key, item in self.notes.items() if key != "row_numbers"}},
            "calibration": {
                "seed": CALIBRATION_SEED,
                "of": self.notes.get("pool", "the rows given for calibration"),
                "rows": [int(number) for number in numbers],
                "sha256": rows_digest(self.pool.inputs[drawn]),
            },
            "test": {
                "rows": len(self.test.labels),
                "sha256": rows_digest(self.test.inputs),
                "calibration_rows_among_them": overlap(self.pool.inputs[drawn], self.test.inputs),
            },
        }

    def _check_overlap(self, inputs: NDArray[Any], what: str) -> None:
        shared = overlap(inputs, self.test.inputs)
        if shared and not self.allow_overlap:
            raise DataError(
                f"{shared} of the {len(inputs)} {what} rows are test rows too, which would flatter the result; "
                "give other rows, or --allow-overlap to go on and have it recorded"
            )


def labels_beside(model: Path, none_label: str | None = None) -> Path | None:
    """The file that numbre-train writes beside a model to name its classes.

    Returns:
        Its path; None if there is none, or if its classes are the digits, with or without `none_label`.
    """
    path = model.with_name(LABELS_FILE)
    if not path.is_file() or read_labels(path) in (DIGITS, (*DIGITS, none_label)):
        return None
    return path


def load_data(options: DataOptions, source: SourceModel) -> ExportData:
    """Reads the rows that the user names, or MNIST.

    Raises:
        DataError: They are missing, damaged, or do not fit the model; labels or preprocessing are missing.
    """
    if (options.calibration is None) != (options.test is None):
        raise DataError("--calibration and --test go together; name both, or a whole data set with --data")
    if options.calibration is None and _is_mnist(options):
        return _mnist(options, source)
    named = None if options.labels is None else _named(options.labels, source)
    spec = _spec_of_pictures(options, source)

    def read_picture(path: Path) -> NDArray[np.uint8]:
        return to_mnist(path) if spec.picture == "mnist" else to_shape(path, spec.shape)

    kept_out: Labelled | None = None
    if options.calibration is not None and options.test is not None:
        pool, test = (read_labelled(path, read_picture) for path in (options.calibration, options.test))
        notes: dict[str, Any] = {"calibration_file": options.calibration.name, "test": options.test.name}
        name = options.test.stem
    else:
        assert options.data is not None  # noqa: S101
        parts = read_parts(options.data, read_picture)
        pool, test = parts.train.take(parts.split.fit), parts.test
        kept_out = parts.train.take(parts.split.validation)
        notes = {
            "test": parts.test_source,
            "split_seed": SPLIT_SEED,
            "pool": "the fitting rows of the training part",
            "row_numbers": parts.split.fit,
        }
        name = options.data.name
    notes |= {"sha256": test.sha256, "calibration_sha256": pool.sha256}
    labels = named or _found(options, source, pool, test)
    _check_none(options.none_label, labels)
    spec = _fitted(spec, pool, test, source)
    rows = [Samples(_as_spec(part, spec), class_numbers(part, labels)) for part in (pool, test)]
    validation = None if kept_out is None else Samples(_as_spec(kept_out, spec), class_numbers(kept_out, labels))
    return ExportData(name, spec, labels, rows[0], validation, rows[1], options.allow_overlap, notes)


def _is_mnist(options: DataOptions) -> bool:
    """Whether the data is MNIST: it is checked against MNIST's own digests unless the user says what else it is."""
    if options.data is None:
        if options.labels is not None and read_labels(options.labels) != _digits(options):
            raise DataError(
                f"{options.labels}: the model's classes are not MNIST's digits; name its data with --data, or with "
                "--calibration and --test, and with --none-label a class of what is no digit"
            )
        return True
    return options.labels is None and options.preprocess in (None, "mnist") and in_mnist_form(options.data)


def _digits(options: DataOptions) -> tuple[str, ...]:
    """The classes of a model of digits."""
    return DIGITS if options.none_label is None else (*DIGITS, options.none_label)


def _mnist(options: DataOptions, source: SourceModel) -> ExportData:
    mnist = load_mnist(options.data)
    split = split_rows()
    spec = _spec_of_pictures(options, source, "mnist")._replace(shape=(28, 28), picture="mnist")
    labels = _digits(options)
    nothing = "" if options.none_label is None else " and none of them"
    if int(np.prod(source.input_shape)) != 784 or source.classes != len(labels):
        raise DataError(
            f"{source.file} takes {source.input_shape} and gives {source.classes} scores, MNIST has 784 pixels and 10 "
            f"classes{nothing}; name the model's own rows with --calibration and "
            "--test, or --data and --preprocess, and the class of what is no digit with --none-label"
        )
    pool = Samples(mnist.train_images[split.fit], mnist.train_labels[split.fit].astype(np.int64))
    notes = {
        "sha256": mnist.sha256,
        "test": "the 10,000 images of t10k",
        "split_seed": SPLIT_SEED,
        "pool": "the fitting rows of the training set",
        "row_numbers": split.fit,
    }
    test = Samples(mnist.test_images, mnist.test_labels.astype(np.int64))
    kept_out = Samples(mnist.train_images[split.validation], mnist.train_labels[split.validation].astype(np.int64))
    return ExportData("MNIST", spec, labels, pool, kept_out, test, options.allow_overlap, notes)


def _spec_of_pictures(options: DataOptions, source: SourceModel, fallback: str | None = None) -> InputSpec:
    """The input as far as options and model tell, taken for pixels."""
    name = options.preprocess or source.preprocessing or fallback
    shape = source.input_shape[:2] if source.input_shape[2:] == (1,) else source.input_shape
    if name is None:
        return InputSpec(shape, "uint8", 0, 255, "", "resize")
    if name == "mnist":
        return InputSpec((28, 28), "uint8", 0, 255, "unit", "mnist")
    if name in PREPROCESSINGS:
        return InputSpec(shape, "uint8", 0, 255, name, "resize")
    factors, offsets = _affine(Path(name), source.input_shape[-1])
    return InputSpec(shape, "uint8", 0, 255, "affine", "resize", factors, offsets)


def _affine(path: Path, count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    known = ", ".join(("mnist", *PREPROCESSINGS))
    if not path.is_file():
        raise DataError(f"--preprocess {path}: neither one of {known} nor a JSON file")
    try:
        content = parse_json(read_limited(path, _PREPROCESSING_LIMIT, DataError), str(path), DataError)
        factors, offsets = (tuple(float(item) for item in content[key]) for key in ("factors", "offsets"))
    except (ValueError, KeyError, TypeError, OverflowError) as cause:
        raise DataError(f'{path}: expected {{"factors": […], "offsets": […]}} ({cause})') from cause
    usable = np.isfinite([*factors, *offsets]).all() and 0.0 not in factors
    if len(factors) != count or len(offsets) != count or not usable:
        raise DataError(f"{path}: expected {count} factors, none of them 0, and {count} offsets, one a value")
    return factors, offsets


def _fitted(spec: InputSpec, pool: Labelled, test: Labelled, source: SourceModel) -> InputSpec:
    """The input as the rows show it."""
    values = int(np.prod(source.input_shape))
    for part in (pool, test):
        if int(np.prod(part.inputs.shape[1:])) != values:
            raise DataError(
                f"{part.source}: rows of shape {part.inputs.shape[1:]}; the model takes {source.input_shape}"
            )
    pixels = pool.inputs.dtype == np.uint8 and test.inputs.dtype == np.uint8
    if not pixels and spec.preprocessing not in ("unit", "signed"):
        preprocessing = spec.preprocessing or "none"
        return InputSpec(spec.shape, "float32", 0, 0, preprocessing, "none", spec.factors, spec.offsets)
    if not spec.preprocessing:
        raise DataError(
            f"{source.file} does not say how pixels reach it; say it with --preprocess unit (pixel / 255), none (as "
            "they are), signed (pixel / 127.5 − 1), mnist or a JSON file"
        )
    # Of flat models the rows know the picture's shape.
    shape = test.inputs.shape[1:]
    shape = shape[:2] if shape[2:] == (1,) else shape
    if len(spec.shape) == 1 and len(shape) > 1:
        spec = spec._replace(shape=shape)
    return spec if len(spec.shape) in (2, 3) else spec._replace(picture="none")


def _as_spec(part: Labelled, spec: InputSpec) -> NDArray[Any]:
    if spec.dtype == "float32":
        return part.inputs.reshape(-1, *spec.shape).astype(np.float32, copy=False)
    pixels = part.pixels()
    if pixels is None:
        raise DataError(
            f"{part.source}: values from {part.inputs.min():g} to {part.inputs.max():g} are no pixels (whole numbers "
            "0–255), which --preprocess asks for; use --preprocess none for numbers that the model takes as they are"
        )
    return pixels.reshape(-1, *spec.shape)


def _named(path: Path, source: SourceModel) -> tuple[str, ...]:
    labels = read_labels(path)
    _check_count(len(labels), str(path), source)
    return labels


def _found(options: DataOptions, source: SourceModel, pool: Labelled, test: Labelled) -> tuple[str, ...]:
    """The classes as the rows name them, or their numbers; no row needs to be of none of them."""
    labels = named_by(pool, test)
    if labels and options.none_label is not None and options.none_label not in labels:
        labels = (*labels, options.none_label)
    labels = labels or tuple(str(label) for label in range(source.classes))
    _check_count(len(labels), "the data set", source)
    return labels


def _check_none(none: str | None, labels: tuple[str, ...]) -> None:
    if none is not None and none not in labels:
        raise DataError(f"--none-label {none}: is none of the labels ({', '.join(labels[:4])}, …); see --labels")


def _check_count(count: int, where: str, source: SourceModel) -> None:
    if count != source.classes:
        raise DataError(f"{where}: {count} different labels, but the model gives {source.classes} scores")
