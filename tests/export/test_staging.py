"""One export at a time into one target, and nothing left of a killed one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import NUMBRE_BUNDLE
from numbre_export.bundle.staging import exclusive, refuse_foreign
from numbre_runtime.errors import OutputError

_HOLD = """
import sys, time
from pathlib import Path
from numbre_export.bundle.staging import exclusive
from numbre_runtime.files import replacing_directory, write_atomic
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


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_second_export_into_the_same_target_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    process = _start(target, 60)
    try:
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
        while not any((path / "0").exists() for path in tmp_path.glob(".bundle.v2.*")):
            assert process.poll() is None
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
        while not any((path / str(written)).exists() for path in tmp_path.glob(".bundle.*")):
            assert process.poll() is None
    _kill(process)
    with exclusive(target):
        left = [path.name for path in tmp_path.iterdir() if path.is_dir() and path != target]
        assert len(left) == 1, "nothing but the new export's own directory"
    names = {path.name for path in target.iterdir()}
    assert names in ({"earlier"}, {str(number) for number in range(10)})
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_bundle_that_was_set_aside_is_put_back(tmp_path: Path) -> None:
    """Between the two renames the target is missing for a moment; a kill there must lose nothing."""
    aside = tmp_path / ".bundle.abcdefgh.old"
    aside.mkdir()
    (aside / "manifest.json").write_bytes(b"{}")
    (tmp_path / ".bundle.abcdefgh").mkdir()
    with exclusive(tmp_path / "bundle"):
        assert (tmp_path / "bundle" / "manifest.json").read_bytes() == b"{}"
        assert not aside.exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"), exclusive(tmp_path / "file" / "bundle"):
        pass


def test_a_directory_that_no_export_wrote_is_not_replaced(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "none")
    refuse_foreign(tmp_path)
    refuse_foreign(NUMBRE_BUNDLE)
    (tmp_path / "model.keras").touch()
    with pytest.raises(OutputError, match=r"holds model\.keras, which no export wrote"):
        refuse_foreign(tmp_path)
