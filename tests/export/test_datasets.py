"""Rows from every kind of file, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numbre_export.convert.converter import SourceModel
from numbre_export.data.datasets import DataOptions, ExportData, labels_beside, load_data
from numbre_runtime.errors import DataError
from numbre_runtime.idx import format_idx
from numbre_runtime.pictures.resize import to_shape
from numbre_train.data import Mnist
from numbre_train.data.labelled import Labelled, read_labelled
from numbre_train.data.parts import read_parts


def _read(path: Path) -> Labelled:
    return read_labelled(path, lambda picture: to_shape(picture, (8, 8)))


def _source(shape: tuple[int, ...], classes: int) -> SourceModel:
    return SourceModel("model", "model.keras", "0" * 64, shape, classes, None, ())


def _wanted(path: Path, **changes: object) -> DataOptions:
    settings: dict[str, object] = {"labels": None, "preprocess": "unit", "rows": 40, "allow_overlap": False} | changes
    return DataOptions(None, path, path, **settings)  # type: ignore[arg-type]


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, mnist: Mnist) -> None:
    images, labels = mnist.test_images[:50], mnist.test_labels[:50]
    np.savez(tmp_path / "rows.npz", x=images, y=labels)
    lines = [",".join(map(str, [label, *image.reshape(-1)])) for image, label in zip(images, labels, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(format_idx(images))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(format_idx(labels)))
    for name in ("rows.npz", "rows.csv", "t10k-images-idx3-ubyte"):
        found = _read(tmp_path / name)
        assert np.array_equal(found.inputs.reshape(50, 784), images.reshape(50, 784)), name
        assert np.array_equal(found.labels, labels), name


def test_class_folders_give_names_and_colours(tmp_path: Path) -> None:
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new("RGB", (20, 10), colour).save(tmp_path / name / f"{number}.png")
    (tmp_path / "red" / "notes.txt").write_text("not a picture")
    found = read_labelled(tmp_path, lambda picture: to_shape(picture, (8, 8, 3)))
    assert found.inputs.shape == (4, 8, 8, 3)
    assert found.labels.tolist() == ["blue", "blue", "red", "red"]
    assert found.inputs[0, 0, 0].tolist() == [0, 0, 255]


def test_train_and_test_parts(tmp_path: Path, mnist: Mnist) -> None:
    np.savez(
        tmp_path / "both.npz",
        x_train=mnist.train_images[:30],
        y_train=mnist.train_labels[:30],
        x_test=mnist.test_images[:20],
        y_test=mnist.test_labels[:20],
    )
    parts = read_parts(tmp_path / "both.npz", lambda picture: to_shape(picture, (28, 28)))
    assert np.array_equal(parts.train.inputs, mnist.train_images[:30])
    assert np.array_equal(parts.test.inputs, mnist.test_images[:20])
    assert sorted([*parts.split.fit, *parts.split.validation]) == list(range(30))
    assert len(parts.split.validation) == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.csv", b"", "no row"),
        ("rows.csv", b"a,1,2\nb,1\n", "numbers in every line"),
        ("rows.csv", b"a,1,nan\nb,1,2\n", "row 0 holds NaN"),
        ("rows.csv", b"\xff\xfe", "not UTF-8"),
        ("rows.npz", b"PK\x03\x04 no archive", "npz"),
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03", "labels"),
        ("rows.parquet", b"", "expected .npz"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason):
        _read(tmp_path / name)


def test_missing_and_empty_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        _read(tmp_path / "nowhere.npz")
    with pytest.raises(DataError, match="no pictures"):
        _read(tmp_path)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.array([[object()]]), y=np.array([0]))
    with pytest.raises(DataError, match="npz"):
        _read(tmp_path / "rows.npz")


def test_an_archive_that_unpacks_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numbre_train.data.labelled._LIMIT", 100_000)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(DataError, match="unpacks to more"):
        _read(tmp_path / "t10k-images-idx3-ubyte.gz")


def test_what_does_not_fit_the_model_is_refused(tmp_path: Path, mnist: Mnist) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, x=mnist.test_images[:50], y=mnist.test_labels[:50])
    (tmp_path / "few.txt").write_text("zero\none\n")
    with pytest.raises(DataError, match=r"the model takes \(32, 32, 3\)"):
        load_data(_wanted(path), _source((32, 32, 3), 10))
    with pytest.raises(DataError, match="expected 0 to 4"):
        load_data(_wanted(path), _source((784,), 5))
    with pytest.raises(DataError, match="2 different labels"):
        load_data(_wanted(path, labels=tmp_path / "few.txt"), _source((784,), 10))
    with pytest.raises(DataError, match="does not say how pixels reach it"):
        load_data(_wanted(path, preprocess=None), _source((784,), 10))
    with pytest.raises(DataError, match="neither one of"):
        load_data(_wanted(path, preprocess="upside-down"), _source((784,), 10))


def test_labels_beside_a_model_count_unless_they_are_the_digits(tmp_path: Path) -> None:
    model, labels = tmp_path / "model.keras", tmp_path / "labels.txt"
    assert labels_beside(model) is None
    labels.write_text("shirt\nboot\n")
    assert labels_beside(model) == labels
    labels.write_text("\n".join("0123456789"))
    assert labels_beside(model) is None
    labels.write_text("\n".join([*"0123456789", "none"]))
    assert labels_beside(model) == labels
    assert labels_beside(model, "none") is None


def test_calibration_on_test_rows_is_refused_or_recorded(tmp_path: Path, mnist: Mnist) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, x=mnist.test_images[:50], y=mnist.test_labels[:50])
    data = load_data(_wanted(path), _source((784,), 10))
    with pytest.raises(DataError, match="40 of the 40 calibration rows are test rows too"):
        data.calibration(40)
    allowed = load_data(_wanted(path, allow_overlap=True), _source((784,), 10))
    assert allowed.calibration(40).shape == (40, 784)
    assert allowed.provenance(40)["test"]["calibration_rows_among_them"] == 40


def test_validation_rows_are_neither_calibration_nor_test_rows(tmp_path: Path, mnist: Mnist) -> None:
    wanted = DataOptions(None, None, None, None, None, 500, False)
    data = load_data(wanted, _source((784,), 10))
    _check_validation(data, 5000, "5,000 validation rows")
    np.savez(tmp_path / "pool.npz", x=mnist.train_images[:4000], y=mnist.train_labels[:4000])
    np.savez(tmp_path / "test.npz", x=mnist.test_images[:50], y=mnist.test_labels[:50])
    wanted = DataOptions(None, tmp_path / "pool.npz", tmp_path / "test.npz", None, "unit", 500, False)
    data = load_data(wanted, _source((784,), 10))
    count = len(data.validation.labels)
    assert count >= 1500
    _check_validation(data, count, f"{count:,} rows that are neither calibrated with nor tested on")


def _check_validation(data: ExportData, count: int, source: str) -> None:
    validation = {row.tobytes() for row in data.validation.inputs}
    assert len(validation) == len(data.validation.labels) == count
    for size in (500, 2000):
        assert not validation & {row.tobytes() for row in data.pool.inputs[data.draw(size)]}
    assert not validation & {row.tobytes() for row in data.test.inputs}
    assert data.validation_source == source


def test_few_rows_have_two_purposes_and_say_so(tmp_path: Path, mnist: Mnist) -> None:
    np.savez(tmp_path / "pool.npz", x=mnist.train_images[:60], y=mnist.train_labels[:60])
    np.savez(tmp_path / "test.npz", x=mnist.test_images[:50], y=mnist.test_labels[:50])
    wanted = DataOptions(None, tmp_path / "pool.npz", tmp_path / "test.npz", None, "unit", 500, False)
    data = load_data(wanted, _source((784,), 10))
    assert len(data.validation.labels) == 60
    assert data.validation_source == "the 60 calibration rows, because there are no others"
