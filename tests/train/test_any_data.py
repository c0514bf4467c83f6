"""Labelled images of any kind as a data set: the same rows from every form, names for the classes, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from numbre_runtime.errors import DataError
from numbre_runtime.idx import format_idx
from numbre_train import plots
from numbre_train.cli import main
from numbre_train.data import Dataset, Mnist, load_dataset

NAMES = ("nought", "one stroke", "two")
Images = NDArray[np.uint8]


@pytest.fixture(scope="module")
def three(mnist: Mnist) -> tuple[Images, Images, Images, Images]:
    """Images and labels of 480 training and 90 test rows of the digits 0 to 2."""
    kept = np.flatnonzero(mnist.train_labels < 3)[:480]
    test = np.flatnonzero(mnist.test_labels < 3)[:90]
    return mnist.train_images[kept], mnist.train_labels[kept], mnist.test_images[test], mnist.test_labels[test]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(NAMES) + "\n")
    return path


def _idx(directory: Path, arrays: tuple[Images, Images, Images, Images]) -> Path:
    directory.mkdir()
    files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for file, array in zip(files, arrays, strict=True):
        (directory / f"{file}-ubyte").write_bytes(format_idx(array))
    return directory


def _npz(path: Path, arrays: tuple[Images, Images, Images, Images]) -> Path:
    x_train, y_train, x_test, y_test = arrays
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def _folders(directory: Path, images: Images, labels: Images) -> Path:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = directory / NAMES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:04}.png")
    return directory


def _contents(data: Dataset) -> list[set[bytes]]:
    return [{row.tobytes() for row in rows.images} for rows in (data.fit, data.validation, data.test)]


def test_idx_and_npz_with_a_test_part_are_the_same_data_set(
    tmp_path: Path, three: tuple[Images, Images, Images, Images], names: Path
) -> None:
    idx = load_dataset([_idx(tmp_path / "idx", three)], labels=names)
    assert idx.labels == NAMES
    assert [len(part) for part in (idx.fit, idx.validation, idx.test)] == [440, 40, 90]
    fitted, validated, tested = _contents(idx)
    assert not fitted & validated and not fitted & tested
    npz = load_dataset([_npz(tmp_path / "three.npz", three)], labels=names)
    assert np.array_equal(npz.fit.images, idx.fit.images) and np.array_equal(npz.test.labels, idx.test.labels)
    assert npz.sha256 == idx.sha256


def test_rows_without_a_test_part_are_split_once(tmp_path: Path, three: tuple[Images, Images, Images, Images]) -> None:
    np.savez(tmp_path / "all.npz", x=three[0].reshape(-1, 28, 28, 1), y=three[1].astype(np.int64))
    numbered = load_dataset([tmp_path / "all.npz"])
    assert numbered.labels == ("0", "1", "2")
    assert [len(part) for part in (numbered.fit, numbered.validation, numbered.test)] == [384, 48, 48]
    folders = load_dataset([_folders(tmp_path / "folders", *three[:2])])
    assert folders.labels == NAMES
    assert set.union(*_contents(folders)) == set.union(*_contents(numbered))
    for image, label in zip(folders.test.images[:5], folders.test.labels[:5], strict=True):
        place = next(place for place, other in enumerate(three[0]) if np.array_equal(other, image))
        assert three[1][place] == label
    other = load_dataset([tmp_path / "folders"], [_folders(tmp_path / "more", *three[2:])])
    assert len(other.test) == 90 and "more" in other.test_source
    with pytest.raises(DataError, match=r"'nought' is none of the 3 labels \(0, 1, 2\)"):
        load_dataset([tmp_path / "all.npz"], [tmp_path / "more"])


def test_csv_rows_may_have_more_classes_than_ten(tmp_path: Path, mnist: Mnist) -> None:
    labels = np.arange(120) % 12
    table = np.column_stack((labels, mnist.train_images[:120].reshape(120, -1)))
    np.savetxt(tmp_path / "twelve.csv", table, "%d", delimiter=",")
    (tmp_path / "names.txt").write_text("\n".join(f"class {number}" for number in range(12)))
    data = load_dataset([tmp_path / "twelve.csv"], labels=tmp_path / "names.txt")
    assert len(data.labels) == 12 and data.train.labels.max() == 11
    with pytest.raises(DataError, match="a whole number from 0 to 9"):
        load_dataset([tmp_path / "twelve.csv"])


def _refused(path: Path, names: str | None, arrays: tuple[Images, Images, Images, Images]) -> str:
    """The one line that the command gives on IDX files of these arrays."""
    directory = _idx(path / "idx", arrays)
    words = ["--data", str(directory), "--epochs", "1", "--out", str(path / "out")]
    if names is not None:
        (path / "own.txt").write_text(names)
        words += ["--labels", str(path / "own.txt")]
    assert main(words) == 2
    assert not (path / "out" / "model.keras").exists()
    return str(directory)


@pytest.mark.parametrize(
    ("names", "change", "reason"),
    [
        (None, lambda *arrays: arrays, "if this is another data set, name its classes with --labels FILE"),
        ("a\nb\n", lambda *arrays: arrays, "labels from 0 to 2; expected 0 to 1, there are 2 classes (a, b)"),
        ("a\nb\nc\nd\n", lambda *arrays: arrays, "names 4 classes, but"),
        ("a\nb\na\n", lambda *arrays: arrays, "names 'a' twice"),
        ("a\n", lambda *arrays: arrays, "names 1 class; expected two or more"),
        ("\n".join(map(str, range(300))), lambda *arrays: arrays, "names 300 classes; at most 256"),
        ("a\nb\nc", lambda x, y, *test: (x, y[:-3], *test), "480 images, but train-labels-idx1-ubyte has labels of"),
        ("a\nb\nc", lambda x, y, *test: (x[:, :20], y, *test), "images of shape (20, 28); numbre-train takes (28, 28)"),
        ("a\nb\nc", lambda x, y, *test: (x[:5], y[:5], *test), "5 rows; at least 12 are needed"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    names: str | None,
    change: Callable[..., tuple[Images, Images, Images, Images]],
    reason: str,
    three: tuple[Images, Images, Images, Images],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _refused(tmp_path, names, change(*three))
    said = capsys.readouterr().err
    assert reason in said
    assert len(said.splitlines()) == 1


def test_values_that_are_no_pixels_and_half_a_data_set_are_refused(
    tmp_path: Path, three: tuple[Images, Images, Images, Images], names: Path
) -> None:
    np.savez(tmp_path / "shares.npz", x=three[0] / 255, y=three[1])
    with pytest.raises(DataError, match="values from 0 to 1 are no pixels; expected whole numbers 0–255"):
        load_dataset([tmp_path / "shares.npz"])
    half = _idx(tmp_path / "half", three)
    (half / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is missing"):
        load_dataset([half], labels=names)
    with pytest.raises(DataError, match="no such file"):
        load_dataset([tmp_path / "nowhere"], labels=names)
    with pytest.raises(DataError, match="name it with --data"):
        load_dataset(labels=names)
    np.savez(tmp_path / "few.npz", x=three[0][:50], y=three[1][:50])
    with pytest.raises(DataError, match="50 rows; at least 100"):
        load_dataset([tmp_path / "few.npz"])


def test_a_training_names_its_classes_everywhere(
    tmp_path: Path, three: tuple[Images, Images, Images, Images], names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = _idx(tmp_path / "idx", three), tmp_path / "out"
    words = ["--data", str(data), "--labels", str(names), "--epochs", "3", "--out", str(out)]
    assert main(["--model", "linear", "--learning-rate", "0.01", *words, "--watch-weights", "2"]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["labels"] == list(NAMES) == list(metrics["recall"]) == list(metrics["precision"])
    assert np.array(metrics["confusion"]).shape == (3, 3)
    assert metrics["network"] == "784-3"
    assert metrics["accuracy"] > 0.8
    assert (out / "labels.txt").read_text() == "".join(f"{name}\n" for name in NAMES)
    capsys.readouterr()
    assert main(["inspect", str(data), "--labels", str(names), "-o", str(tmp_path / "first.png")]) == 0
    said = capsys.readouterr().out
    assert "480 rows" in said and "one stroke: " in said


def test_pictures_show_names(three: tuple[Images, Images, Images, Images]) -> None:
    matrix = np.array([[5, 1, 0], [0, 6, 0], [2, 0, 7]])
    axes = plots.confusion(matrix, 0.9, NAMES).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(NAMES)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(NAMES)
    scores = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (10, 1))
    shown = plots.predictions(three[0][:10], three[1][:10], scores, NAMES).axes
    wrong = next(number for number in range(10) if three[1][number])
    titles = [axes.get_title() for axes in shown]
    assert f"nought (70.0%)\nis {NAMES[three[1][wrong]]}" in titles[5:]
    assert {title for title, label in zip(titles, three[1][:5], strict=False) if label == 0} <= {"nought (70.0%)"}
    assert plots.first_images(three[0], three[1], NAMES).axes[1].get_title() == NAMES[three[1][1]]


def test_filters_of_a_convolution_are_drawn_as_large_squares() -> None:
    weights = np.arange(18, dtype=np.float32).reshape(9, 2)
    canvas = np.asarray(plots.weight_images(weights).axes[0].images[0].get_array())
    tile = canvas[9:37, :28]
    drawn = tile[~np.isnan(tile)]
    assert drawn.size == 27 * 27
    assert np.array_equal(np.unique(drawn), weights[:, 0])
