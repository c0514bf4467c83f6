"""numbre-teach on digits that others wrote, see `optical_digits`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import numbre_runtime as numbre
from numbre_runtime.errors import DataError
from numbre_teach import Course, NotBetterError, Teaching, teach
from numbre_teach.before_after import compare
from numbre_teach.cli import main
from numbre_teach.lessons import read_lessons, split_lessons
from numbre_train.data import Mnist
from numbre_train.data.classes import DIGITS
from numbre_train.data.rows import Rows
from optical_digits import write_optical_digits

_SHORT = Course(steps=120, rehearsed=128)
_LOSS = 0.005
"""Such a short course may cost more than a whole one does."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_optical_digits(folder / "learn", slice(8))
    write_optical_digits(folder / "judge", slice(8, 28))
    return folder


@pytest.fixture(scope="module")
def taught(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Teaching:
    out = tmp_path_factory.mktemp("out") / "mine-int8"
    return teach(pictures / "learn", out, test=pictures / "judge", preparation="digit", max_loss=_LOSS, course=_SHORT)


def test_what_was_misread_is_read(taught: Teaching) -> None:
    found = taught.lessons
    assert (found.rows, taught.original.rows) == (200, 10_000)
    assert found.after > found.before
    assert found.test.p < 0.01
    assert taught.original.lost <= _LOSS


def test_figures_are_those_of_the_file_that_was_written(taught: Teaching, pictures: Path) -> None:
    classifier = numbre.load(taught.export.path)
    rows = read_lessons(pictures / "judge", classifier.labels, "digit")
    right = classifier.predict_batch(rows.images).argmax(axis=1) == rows.labels
    assert right.mean() == taught.lessons.after
    counts = {name: rows for name, (rows, _, _) in taught.lessons.by_class.items()}
    assert counts == dict.fromkeys(DIGITS, 20)


def test_the_manifest_tells_what_it_came_from(taught: Teaching) -> None:
    lineage = json.loads((taught.export.path / "manifest.json").read_text())["provenance"]["lineage"]
    assert (lineage["parent"], lineage["pictures"], lineage["by_class"]["3"]) == ("small", 280, 28)
    assert len(lineage["pictures_sha256"]) == len(lineage["parent_sha256"]) == 64


def test_nothing_is_written_if_it_is_no_better(mnist: Mnist, tmp_path: Path) -> None:
    """The shipped network reads these rows right, so that nothing can be better."""
    right = numbre.load().predict_batch(mnist.test_images[:200])[:, :10].argmax(axis=1) == mnist.test_labels[:200]
    np.savez(tmp_path / "rows.npz", x=mnist.test_images[:200][right], y=mnist.test_labels[:200][right])
    with pytest.raises(NotBetterError, match="no better, so nothing is written"):
        teach(
            tmp_path / "rows.npz",
            tmp_path / "out",
            test=tmp_path / "rows.npz",
            preparation="digit",
            course=Course(steps=1),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["rows.npz"]


@pytest.mark.parametrize(
    ("kept", "words", "code", "reason"),
    [
        (3, (), 2, "3 pictures of class number 0; expected 4 or more, or --test"),
        (4, ("--bundle", "nowhere"), 2, "nowhere: no such directory"),
        (4, ("--original", "nowhere"), 2, "nowhere"),
        (4, ("--steps", "0"), 2, "0 steps; expected 1 or more"),
        (4, ("--seed", "-1"), 2, "seed -1; expected 0 to 2147483647"),
        (4, ("--max-loss", "nan"), 2, "a loss of nan points; expected 0 to 100"),
    ],
)
def test_what_cannot_be_taught_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kept: int,
    words: Sequence[str],
    code: int,
    reason: str,
) -> None:
    lessons = write_optical_digits(tmp_path / "lessons", slice(kept))
    assert main([str(lessons), "-o", str(tmp_path / "out"), "--preparation", "digit", *words]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("numbre-teach: ")
    assert reason in lines[-1]
    assert not (tmp_path / "out").exists()


def test_a_class_that_the_bundle_does_not_know_is_refused(tmp_path: Path) -> None:
    lessons = write_optical_digits(tmp_path / "lessons", slice(4))
    (lessons / "3").rename(lessons / "three")
    with pytest.raises(DataError, match="three"):
        teach(lessons, tmp_path / "out", preparation="digit")


def test_a_foreign_file_is_seen_before_the_work(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main([str(pictures / "learn"), "-o", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_both_preparations_hold_back_the_same_pictures(pictures: Path) -> None:
    cut, whole = (read_lessons(pictures / "learn", DIGITS, preparation) for preparation in ("digit", "whole"))
    assert (split_lessons(cut, 0.25, 3)[1].labels == split_lessons(whole, 0.25, 3)[1].labels).all()
    assert (cut.labels == whole.labels).all()
    assert (cut.images != whole.images).any()


def test_every_class_has_pictures_to_judge_by() -> None:
    rows = Rows(np.zeros((9, 28, 28), np.uint8), np.array([0] * 4 + [1] * 5, np.uint8))
    learn, judge = split_lessons(rows, 0.01, 0)
    assert (np.bincount(judge.labels).tolist(), np.bincount(learn.labels).tolist()) == ([1, 1], [3, 4])


def test_a_comparison_counts_by_class() -> None:
    before, after = np.eye(3)[[0, 0, 1, 1]], np.eye(3)[[0, 1, 1, 2]]
    found = compare("rows", ("a", "b"), np.array([0, 1, 1, 1]), before, after)
    # The third score is no answer, so the last row's answer is the first of two that are equal.
    assert (found.before, found.after, found.lost) == (0.75, 0.75, 0.0)
    assert found.by_class == {"a": (1, 1.0, 1.0), "b": (3, 2 / 3, 2 / 3)}
