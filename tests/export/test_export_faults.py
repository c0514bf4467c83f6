"""Whatever goes wrong, the target is a complete bundle, the earlier one or the new one, and the error is one line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import NUMBRE_BUNDLE, ROOT, Run
from numbre_export.bundle.staging import exclusive
from numbre_export.cli import main
from numbre_export.convert.converter import SourceModel
from numbre_export.data.datasets import DataOptions, load_data
from numbre_runtime.bundle import DEFAULT_BUNDLE, read_bundle
from numbre_runtime.errors import DataError
from numbre_train.data import Mnist

_MODEL = ROOT / "tests" / "assets" / "numbre.keras"
_NEW = {"model.int8.tflite", "model.float32.tflite", "golden.npz", "report.html", "manifest.json"}
_TOGETHER = 3
"""Exports that are killed run side by side, each into a target of its own."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, mnist: Mnist) -> Path:
    """A directory with few rows to calibrate with and to test on."""
    directory = tmp_path_factory.mktemp("rows")
    for name, images, labels in (
        ("pool", mnist.train_images, mnist.train_labels),
        ("test", mnist.test_images, mnist.test_labels),
    ):
        np.savez(directory / f"{name}.npz", x=images[:200], y=labels[:200])
    return directory


def _words(rows: Path, target: Path) -> list[str]:
    data = ["--calibration", str(rows / "pool.npz"), "--test", str(rows / "test.npz"), "--preprocess", "unit"]
    return [
        "--int8",
        "--format",
        "tflite",
        "--model",
        str(_MODEL),
        *data,
        "--max-class-drop",
        "1",
        "--out",
        str(target),
    ]


def _start(rows: Path, target: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "numbre_export.cli", *_words(rows, target)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _staged(target: Path) -> set[str]:
    """Names of all that lies in directories beside the target."""
    names: set[str] = set()
    for directory in target.parent.glob(f".{target.name}.*"):
        try:
            names |= {directory.suffix} | {path.name for path in directory.iterdir()}
        except OSError:
            continue
    return names


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ends(pid: int) -> bool:
    """Whether a process is gone, or only waits to be collected."""
    for _ in range(600):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


_Moment = Callable[[Path, float], bool]


def _after(seconds: float) -> _Moment:
    return lambda _, passed: passed > seconds


def _once(name: str) -> _Moment:
    return lambda target, _: name in _staged(target)


_FILES = ("2.npy", "model.int8.tflite", "golden.npz", "report.html")
_MOMENTS: dict[str, _Moment] = {
    **{f"after {seconds} s": _after(seconds) for seconds in (0.2, 1, 3)},
    **{f"once {name} is there": _once(name) for name in (*_FILES, "manifest.json")},
    "while the old bundle is set aside": lambda target, _: ".old" in _staged(target) or _is_new(target),
    "once the target is new": lambda target, _: _is_new(target),
}


def _is_new(target: Path) -> bool:
    return (target / "model.int8.tflite").exists() and not (target / "model.int8.onnx").exists()


@pytest.mark.slow
def test_killed_at_any_moment(rows: Path, tmp_path: Path) -> None:
    """The earlier bundle is the shipped one, which has ONNX files, so that each can be told from the other."""
    earlier = {path.name for path in DEFAULT_BUNDLE.iterdir()}
    pending = list(_MOMENTS.items())
    running: dict[str, tuple[subprocess.Popen[bytes], Path, float, _Moment]] = {}
    seen = set()
    while pending or running:
        while pending and len(running) < _TOGETHER:
            name, moment = pending.pop()
            target = tmp_path / str(len(pending)) / "bundle"
            shutil.copytree(DEFAULT_BUNDLE, target)
            running[name] = (_start(rows, target), target, time.monotonic(), moment)
        for name, (process, target, start, moment) in list(running.items()):
            ended = process.poll() is not None
            if not ended and not moment(target, time.monotonic() - start):
                continue
            del running[name]
            workers = [] if ended else _children(process.pid)
            process.send_signal(signal.SIGKILL)
            assert process.wait() in (-signal.SIGKILL, 0), name
            assert all(_ends(pid) for pid in workers), f"{name}: a worker outlives the export"
            with exclusive(target):
                read_bundle(target)
            found = {path.name for path in target.iterdir()}
            assert found in (earlier, _NEW), name
            assert [path.name for path in target.parent.iterdir()] == ["bundle"], name
            seen.add(found == earlier)
    assert seen == {True, False}, "some were killed early enough, some late enough"
    assert main(_words(rows, target)) == 0
    assert {path.name for path in target.iterdir()} == _NEW
    assert [path.name for path in target.parent.iterdir()] == ["bundle"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system of its own needs root and the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _bundle(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place / "bundle").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [100, 850])
def test_a_full_disk_is_one_line_and_leaves_the_earlier_bundle(
    small_disk: Path, kilobytes: int, rows: Path, run_command: Run
) -> None:
    """The disk is full when the rows are handed to the worker, or when the bundle is written."""
    (small_disk / "bundle").mkdir()
    # A manifest alone, because the disk is small; what it lists is an export's to replace.
    earlier = (NUMBRE_BUNDLE / "manifest.json").read_bytes()
    (small_disk / "bundle" / "manifest.json").write_bytes(earlier)
    free = shutil.disk_usage(small_disk).free
    (small_disk / "other").write_bytes(bytes(free - kilobytes * 1000))
    done = run_command("numbre-export", *_words(rows, small_disk / "bundle"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "cannot be written (No space left on device)" in done.stderr
    assert _bundle(small_disk) == {"manifest.json": earlier}
    assert {path.name for path in small_disk.iterdir()} == {"bundle", "other"}


def test_a_read_only_place_is_one_line(small_disk: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small_disk / "bundle").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert main(_words(rows, small_disk / "bundle")) == 2
    error = capsys.readouterr().err
    assert "cannot be written (Read-only file system)" in error and len(error.splitlines()) == 1


def test_a_second_export_into_one_target_is_one_line(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with exclusive(tmp_path / "bundle"):
        assert main(_words(rows, tmp_path / "bundle")) == 2
    error = capsys.readouterr().err
    assert "another export is writing there" in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.zeros((0, 28, 28), np.uint8), "has no row"),
        (np.eye(28, dtype=np.uint8)[None].repeat(19, axis=0), "19 calibration rows; expected 20 or more"),
        (np.zeros((60, 27, 28), np.uint8), r"rows of shape \(27, 28\); the model takes \(784,\)"),
        (np.full((60, 28, 28), np.nan, np.float32), "row 0 holds NaN or infinity"),
        (np.zeros((60, 28, 28), np.uint8), "all the same: constant data shows no range"),
        (np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8), "look random"),
    ],
    ids=["empty", "few", "shape", "NaN", "constant", "random"],
)
def test_useless_calibration_files_are_named(x: np.ndarray, reason: str, tmp_path: Path, rows: Path) -> None:
    np.savez(tmp_path / "pool.npz", x=x, y=np.arange(len(x)) % 10)
    wanted = DataOptions(None, tmp_path / "pool.npz", rows / "test.npz", None, "unit", 500, False)
    source = SourceModel("model", "model.keras", "0" * 64, (784,), 10, None, ())
    with pytest.raises(DataError, match=reason):
        load_data(wanted, source).calibration(500)
