"""Doubtful pictures: which are kept, what the files hold, which are removed, and where they may not go."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import numbre_runtime as numbre
from conftest import ROOT, Run
from numbre_runtime.classifier import Classifier, Prediction
from numbre_runtime.collect import doubtful_pictures
from numbre_runtime.collect.doubtful_pictures import DoubtfulPictures, is_doubtful
from numbre_runtime.errors import OutputError

_LABELS = tuple("0123456789")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return numbre.load("numbre-int8", backend="numpy")


def _prediction(number: int = 0, scores: tuple[float, float] = (0.5, 0.5), recognized: bool = True) -> Prediction:
    seen = np.full((28, 28), number, np.uint8)
    rest = np.zeros(8)
    return Prediction(
        "0", scores[0], np.array([*scores, *rest], np.float32), recognized, None, _LABELS, seen, f"{number}.png"
    )


@pytest.mark.parametrize(
    ("scores", "recognized", "doubtful"),
    [((0.9, 0.1), True, False), ((0.9, 0.1), False, True), ((0.55, 0.45), True, True), ((0.625, 0.375), True, False)],
)
def test_doubtful_is_below_the_threshold_or_close(
    scores: tuple[float, float], recognized: bool, doubtful: bool
) -> None:
    assert is_doubtful(_prediction(0, scores, recognized)) is doubtful


def test_a_file_holds_the_pixels_and_the_answer_and_comes_once(tmp_path: Path, classifier: Classifier) -> None:
    kept = DoubtfulPictures(tmp_path / "new")
    noise = np.random.default_rng(3).integers(0, 256, (28, 28), np.uint8)
    answer = classifier.predict(noise)
    path = kept.keep(answer, classifier, "noise\n.png")
    assert path is not None
    assert kept.keep(answer, classifier, "again.png") is None
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), noise)
        record = json.loads(picture.info["numbre"])
    assert (record["answer"], record["source"]) == (answer.label, "noise\n.png")
    assert record["artifact_sha256"] == classifier.artifact.sha256
    assert list(record["scores"]) == list(classifier.labels)
    assert [item.name for item in (tmp_path / "new").iterdir()] == [path.name]


def test_the_oldest_go_first_and_other_files_stay(tmp_path: Path, classifier: Classifier) -> None:
    mine = ["notes.txt", "doubtful-old.png", "0.png"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / "doubtful-20200101T000000000000Z-0123456789abcdef.png").symlink_to(tmp_path / "0.png")
    kept = DoubtfulPictures(tmp_path, most_pictures=3)
    paths = [kept.keep(_prediction(number), classifier, "x") for number in range(5)]
    assert [path is not None and path.exists() for path in paths] == [False, False, True, True, True]
    assert all((tmp_path / name).read_text() == "mine" for name in mine)
    assert len(list(tmp_path.iterdir())) == 3 + 1 + 3


def test_bytes_and_days_are_bounded(tmp_path: Path, classifier: Classifier) -> None:
    # An interrupted write leaves a hidden file, which ages like the others.
    for name in ("doubtful-{}.png", ".doubtful-{}.png.89abcdef"):
        (tmp_path / name.format("20200101T000000000000Z-0123456789abcdef")).write_bytes(b"x")
    first = DoubtfulPictures(tmp_path).keep(_prediction(1), classifier, "x")
    assert first is not None
    assert [item.name for item in tmp_path.iterdir()] == [first.name]
    small = DoubtfulPictures(tmp_path, most_bytes=first.stat().st_size * 2 + 50)
    for number in range(2, 6):
        small.keep(_prediction(number), classifier, "x")
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_write_leaves_no_picture(
    tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OutputError(f"{path}: {len(content)} bytes, no space left")

    monkeypatch.setattr(doubtful_pictures, "write_atomic", full)
    with pytest.raises(OutputError, match="no space"):
        DoubtfulPictures(tmp_path).keep(_prediction(), classifier, "x")
    assert list(tmp_path.iterdir()) == []


def test_places_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="lies within"):
        DoubtfulPictures(tmp_path / "in" / "doubtful", [str(tmp_path / "in")])
    with pytest.raises(OutputError, match="is a bundle"):
        DoubtfulPictures(ROOT / "runtime/numbre_runtime/models/numbre-int8")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        DoubtfulPictures(tmp_path / "file")
    with pytest.raises(OutputError, match="a bound of 0"):
        DoubtfulPictures(tmp_path, most_days=0)


def test_predict_keeps_only_what_it_is_not_sure_of(tmp_path: Path, run_command: Run) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (60, 60), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    sure, noise = str(ROOT / "samples/paper_3.png"), str(tmp_path / "noise.png")
    done = run_command("numbre-predict", sure, noise, "--keep-doubtful", "kept", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["recognized"] for answer in answers] == [True, False]
    (path,) = (tmp_path / "kept").iterdir()
    with Image.open(path) as picture:
        assert json.loads(picture.info["numbre"])["source"] == noise
    done = run_command("numbre-predict", str(tmp_path), "--keep-doubtful", str(tmp_path / "kept"), cwd=tmp_path)
    assert done.returncode == 2
    assert "lies within" in done.stderr
