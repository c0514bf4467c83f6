"""One export at a time into one target, and nothing left of a killed one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import NUMBRE_BUNDLE
from numbre_export.bundle.staging import exclusive, foreign_file
from numbre_runtime import directories
from numbre_runtime.bundle import read_bundle
from numbre_runtime.directories import replacing_directory
from numbre_runtime.errors import BundleError, OutputError

_HOLD = """
import sys, time
from pathlib import Path
from numbre_export.bundle.staging import exclusive
from numbre_runtime.directories import replacing_directory
from numbre_runtime.files import write_atomic
target, step = Path(sys.argv[1]), float(sys.argv[2])
with exclusive(target) as work:
    (work / "intermediate").write_bytes(b"x")
    print("holding", flush=True)
    with replacing_directory(target) as staging:
        for number in range(10):
            write_atomic(staging / str(number), bytes([number]))
            time.sleep(step)
    print("written", flush=True)
    time.sleep(60)
"""


def _start(target: Path, step: float) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(target), str(step)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"holding\n"
    return process


def _wait_for_staging(process: subprocess.Popen[bytes], target: Path) -> None:
    """Waits until the process has marked its directories as its own and written a file."""
    while not any((path / "new" / "0").exists() for path in target.parent.glob(f".{target.name}.*")):
        assert process.poll() is None


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_export_into_the_same_target_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    process = _start(target, 60)
    try:
        _wait_for_staging(process, target)
        with pytest.raises(OutputError, match="another export is writing there"), exclusive(target):
            pass
        with exclusive(tmp_path / "bundle.v2"):
            pass
    finally:
        _kill(process)
    with exclusive(target):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_another_targets_staging_is_left_alone(tmp_path: Path) -> None:
    process = _start(tmp_path / "bundle.v2", 60)
    try:
        _wait_for_staging(process, tmp_path / "bundle.v2")
        before = {path.name for path in tmp_path.iterdir()}
        with exclusive(tmp_path / "bundle"):
            pass
        assert {path.name for path in tmp_path.iterdir()} == before
    finally:
        _kill(process)


@pytest.mark.parametrize("written", range(11))
def test_killed_at_any_moment_leaves_the_earlier_bundle_and_nothing_else(tmp_path: Path, written: int) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "earlier").write_bytes(b"kept")
    process = _start(target, 0.02 if written == 10 else 0.05)
    assert process.stdout is not None
    if written == 10:
        assert process.stdout.readline() == b"written\n"
    else:
        while not any((path / "new" / str(written)).exists() for path in tmp_path.glob(".bundle.*")):
            assert process.poll() is None
    _kill(process)
    with exclusive(target):
        left = [path.name for path in tmp_path.iterdir() if path.is_dir() and path != target]
        assert len(left) == 1, "nothing but the new export's own directory"
    names = {path.name for path in target.iterdir()}
    assert names in ({"earlier"}, {str(number) for number in range(10)})
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def _abandoned(target: Path) -> Path:
    """A working directory of a process that was killed between the two renames."""
    work = target.with_name(f".{target.name}.0123abcd")
    (work / "old").mkdir(parents=True)
    (work / "old" / "manifest.json").write_bytes(b"{}")
    (work / directories.MARKER).write_bytes(directories._TEXT + target.name.encode())
    return work


def test_a_bundle_that_was_set_aside_is_put_back_by_the_next_export(tmp_path: Path) -> None:
    work = _abandoned(tmp_path / "bundle")
    with exclusive(tmp_path / "bundle"):
        assert (tmp_path / "bundle" / "manifest.json").read_bytes() == b"{}"
        assert not work.exists()


def test_a_bundle_that_was_set_aside_is_put_back_by_whoever_reads_it(tmp_path: Path) -> None:
    _abandoned(tmp_path / "bundle")
    with pytest.raises(BundleError, match="not a manifest"):
        read_bundle(tmp_path / "bundle")
    assert (tmp_path / "bundle" / "manifest.json").read_bytes() == b"{}"


@pytest.mark.parametrize("name", [".bundle.20261126", ".bundle.original", ".bundle.0123abcd", ".bundle.abcdefgh.old"])
def test_a_directory_without_the_marker_is_nobodys_leavings(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "notes").write_text("precious")
    with exclusive(tmp_path / "bundle"):
        pass
    assert (tmp_path / name / "notes").read_text() == "precious"


def test_a_foreign_file_in_the_locks_place_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".bundle.lock").write_text("precious")
    with pytest.raises(OutputError, match="is in the way"), exclusive(tmp_path / "bundle"):
        pass
    assert (tmp_path / ".bundle.lock").read_text() == "precious"


@pytest.mark.parametrize("in_one_step", [True, False])
def test_what_is_put_into_the_target_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    if not in_one_step:
        monkeypatch.setattr(directories, "_exchange", lambda *_: False)
    target = tmp_path / "bundle"
    shutil.copytree(NUMBRE_BUNDLE, target)
    with (
        pytest.raises(OutputError, match=r"holds notes\.txt"),
        replacing_directory(target, foreign_file) as staging,
    ):
        (staging / "new").touch()
        (target / "notes.txt").write_text("precious")
    assert (target / "notes.txt").read_text() == "precious"
    assert foreign_file(target) == "notes.txt"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"), exclusive(tmp_path / "file" / "bundle"):
        pass


def test_a_directory_that_no_export_wrote_is_not_replaced(tmp_path: Path) -> None:
    assert foreign_file(tmp_path) is None
    assert foreign_file(NUMBRE_BUNDLE) is None
    (tmp_path / "manifest.json").write_text('{"name": "of another program"}')
    assert foreign_file(tmp_path) == "manifest.json"
    (tmp_path / "manifest.json").unlink()
    os.mkfifo(tmp_path / "manifest.json")
    assert foreign_file(tmp_path) == "manifest.json"
