"""`numbre-train inspect`: its figures against NumPy's own, and its complaints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run
from numbre_train import plots
from numbre_train.data import Mnist, Rows
from numbre_train.data.classes import DIGITS
from numbre_train.data.summary import summarize


def test_figures_are_what_numpy_counts(mnist: Mnist) -> None:
    rows = Rows(mnist.train_images[:9000], mnist.train_labels[:9000])
    parts = [Rows(rows.images[start : start + 700], rows.labels[start : start + 700]) for start in range(0, 9000, 700)]
    summary = summarize(parts, 10, 407)
    column = rows.images.reshape(9000, -1)[:, 406]
    assert summary.rows == 9000
    assert summary.label_counts.tolist() == [int((rows.labels == digit).sum()) for digit in range(10)]
    assert summary.pixel_counts[0] == (rows.images == 0).sum()
    assert summary.pixel_counts.sum() == rows.images.size
    assert np.array_equal(summary.first.images, rows.images[:9])
    assert summary.column is not None
    assert summary.column.first == column[:5].tolist()
    assert summary.column.last == column[-5:].tolist()
    assert all(summary.column.counts[value] == (column == value).sum() for value in range(256))


def test_command_on_a_file(run_command: Run, tmp_path: Path) -> None:
    path, picture = tmp_path / "digits.csv", tmp_path / "first.png"
    assert run_command("numbre-train", "sample", "--rows", 120, "-o", path).returncode == 0
    done = run_command("numbre-train", "inspect", path, "--column", 0, "-o", picture, "--json")
    figures = json.loads(done.stdout)
    assert figures["rows"] == 120
    assert figures["columns"] == 785
    assert sum(figures["labels"].values()) == 120
    assert figures["pixel_range"] == [0, 255]
    assert figures["column"]["counts"] == {key: count for key, count in figures["labels"].items() if count}
    with Image.open(picture) as image:
        image.verify()
    text = run_command("numbre-train", "inspect", path, "--column", 72, "-o", picture).stdout
    assert "120 rows × 785 columns" in text
    assert "column 72" in text


@pytest.mark.parametrize("words", [("none.csv",), ("bad.csv",), ("good.csv", "--column", "785")])
def test_complaints_are_one_line_and_exit_code_2(run_command: Run, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(",".join(["3"] + ["0"] * 784))
    (tmp_path / "bad.csv").write_text(",".join(["3"] + ["0"] * 700 + ["300"] + ["0"] * 83))
    done = run_command("numbre-train", "inspect", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "build").exists()
    if words[0] == "bad.csv":
        assert "row 1, column 701 is '300'" in done.stderr


def test_the_picture_shows_the_first_nine_images(mnist: Mnist) -> None:
    figure = plots.first_images(mnist.train_images[:9], mnist.train_labels[:9], DIGITS, 3, 3, "First images")
    assert len(figure.axes) == 9
    for axes, image, label in zip(figure.axes, mnist.train_images, mnist.train_labels, strict=False):
        assert np.array_equal(np.asarray(axes.images[0].get_array()), image)
        assert axes.get_title() == str(label)
