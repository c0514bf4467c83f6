"""numbre-read as a user runs it: photos, videos, Ctrl-C."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime as numbre
from conftest import ROOT, Run
from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_runtime.page.video import Pace, Steady

READ = ("numbre-read",)


def _page(*numbers: str) -> NDArray[np.uint8]:
    """Sample digits side by side on a light page, one line for each number, (height, width) uint8."""
    page = np.full((60 + 120 * len(numbers), 800), 230, np.uint8)
    for row, number in enumerate(numbers):
        for column, digit in enumerate(number):
            ink = np.asarray(Image.open(ROOT / "samples" / f"mnist_{digit}.png").convert("L").resize((84, 84)))
            top, left = 30 + 120 * row, 40 + 70 * column
            region = page[top : top + 84, left : left + 84]
            np.minimum(region, 230 - (ink * 0.8).astype(np.uint8), out=region)
    return page


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with two lines, 720 and 27."""
    path = tmp_path_factory.mktemp("photo") / "page.png"
    Image.fromarray(_page("720", "27")).save(path)
    return path


def test_each_line_of_a_page_is_a_line(photo: Path, run_command: Run) -> None:
    done = run_command(*READ, photo)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{photo}: 720\n{photo}: 27\n"


def test_json_has_every_box_and_confidence(photo: Path, run_command: Run) -> None:
    done = run_command(*READ, "--json", photo)
    page = json.loads(done.stdout)
    assert set(page) == {
        "image",
        "width",
        "height",
        "dark_ink",
        "text",
        "lines",
        "left_out",
        "turned",
        "artifact",
        "backend",
    }
    assert (page["width"], page["height"], page["dark_ink"], page["text"]) == (800, 300, True, "720\n27")
    assert [[number["text"] for number in line] for line in page["lines"]] == [["720"], ["27"]]
    for line in page["lines"]:
        for number in line:
            assert set(number) == {"text", "confidence", "box", "separators", "digits"}
            likely = math.prod(digit["confidence"] for digit in number["digits"])
            assert number["confidence"] == pytest.approx(likely, abs=1e-5)
            for digit in number["digits"]:
                assert set(digit) == {"label", "confidence", "box"}
                left, top, right, bottom = digit["box"]
                assert 0 <= left < right <= 800
                assert 0 <= top < bottom <= 300
                assert 0 <= digit["confidence"] <= 1


def test_the_overlay_shows_the_boxes(photo: Path, run_command: Run, tmp_path: Path) -> None:
    done = run_command(*READ, photo, "--overlay", tmp_path / "drawn.png")
    assert done.returncode == 0
    drawn = np.asarray(Image.open(tmp_path / "drawn.png").convert("RGB")).astype(int)
    assert drawn.shape == (300, 800, 3)
    for digit in numbre.read(photo).digits:
        left, top, right, bottom = digit.box
        edges = np.concatenate([drawn[top, left:right], drawn[bottom - 1, left:right]])
        assert (edges[:, 0] - edges[:, 1] > 100).mean() > 0.5
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.png"]


def test_an_overlay_that_cannot_be_written_leaves_nothing(photo: Path, run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    done = run_command(*READ, photo, "--overlay", tmp_path / "file" / "drawn.png", PYTHONUNBUFFERED="")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "kept"
    # That is found out before anything is read.
    assert done.stdout == ""


def test_a_page_without_digits_says_so(run_command: Run, tmp_path: Path) -> None:
    Image.new("L", (300, 200), 220).save(tmp_path / "blank.png")
    done = run_command(*READ, tmp_path / "blank.png")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'blank.png'}: no digits\n")


def test_a_bad_photo_does_not_keep_the_others_from_being_read(photo: Path, run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    done = run_command(*READ, tmp_path / "empty.png", photo)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == f"numbre-read: {tmp_path / 'empty.png'}: the file is empty\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "expected photos, or --camera N, or --video FILE"),
        (("a.png", "--camera", "0"), "expected photos, or --camera N, or --video FILE"),
        (("--camera", "-1"), "--camera -1: expected 0 to 255"),
        (("--camera", "256"), "--camera 256: expected 0 to 255"),
        (("--camera", "9" * 30), "expected 0 to 255"),
        (("--camera", "97"), "camera 97: not found"),
        (("a.png", "b.png", "--overlay", "o.png"), "--overlay takes one photo at a time"),
        (("--video", "nowhere.mp4"), "nowhere.mp4: no such file"),
        (("--video", str(ROOT / "Makefile")), "no video that OpenCV reads"),
    ],
)
def test_read_fails_in_one_line(words: tuple[str, ...], reason: str, run_command: Run) -> None:
    done = run_command(*READ, *words)
    assert (done.returncode, done.stdout.count("\n")) in ((2, 0), (2, 1))
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_bundle_of_other_classes_is_refused(photo: Path, run_command: Run, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "letters"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["labels"] = list("abcdefghijk")[: len(manifest["labels"])]
    manifest["none_label"] = None
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    done = run_command(*READ, photo, "--bundle", bundle)
    assert (done.returncode, done.stdout) == (2, "")
    assert "one of the digits 0–9" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _video(path: Path, pages: list[NDArray[np.uint8]]) -> Path:
    """A video of these frames; skips where OpenCV cannot write one."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (800, 180))
    if not writer.isOpened():
        pytest.skip("this build of OpenCV writes no MJPG video")
    for page in pages:
        writer.write(cv2.cvtColor(page, cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def test_a_video_gives_a_line_whenever_the_answer_changes(run_command: Run, tmp_path: Path) -> None:
    """Single frames that show something else change nothing."""
    first, second, other = _page("72"), _page("207"), np.full((180, 800), 230, np.uint8)
    video = _video(tmp_path / "video.avi", [*[first] * 5, other, *[first] * 3, *[second] * 6])
    done = run_command(*READ, "--video", video)
    assert (done.returncode, done.stderr) == (0, "")
    *changes, summary = done.stdout.splitlines()
    assert [line.split(": ")[1] for line in changes] == ["72", "207"]
    assert summary.startswith("15 frames, ")
    assert "ms (median)" in summary
    done = run_command(*READ, "--json", "--video", video)
    *pages, figures = (json.loads(line) for line in done.stdout.splitlines())
    assert [page["text"] for page in pages] == ["72", "207"]
    assert figures["frames"] == 15
    assert 0 < figures["p50_ms"] <= figures["p90_ms"]


def test_ctrl_c_ends_a_video_with_its_summary(tmp_path: Path) -> None:
    video = _video(tmp_path / "long.avi", [_page("72")] * 2000)
    command = [str(Path(sys.executable).parent / "numbre-read"), "--video", str(video)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().endswith(": 72\n")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "frames, " in rest
    assert errors == ""


def test_an_answer_counts_once_it_holds() -> None:
    steady = Steady()
    changes = [text for text in "abaaabbabbccac" if steady.changed(text)]
    assert changes == ["a", "b", "c"]


def test_no_frames_have_no_pace() -> None:
    assert Pace().summary()["frames"] == 0
