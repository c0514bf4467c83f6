"""Standard streams that are full, closed or without a reader, names that are no UTF-8, and warnings as errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

PICTURE = ROOT / "samples" / "mnist_7.png"
_PREDICT = Path(sys.executable).parent / "numbre-predict"


def _shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=cwd,
        capture_output=True,
        timeout=100,
        check=False,
        env={**os.environ, "P": str(_PREDICT), "IMAGE": str(PICTURE), **environment},
    )


@pytest.mark.parametrize(
    ("line", "code", "lines"),
    [
        ("$P missing.png $IMAGE 2> /dev/full", 2, 1),
        ("$P missing.png $IMAGE 2>&-", 2, 1),
        ("$P $IMAGE >&-", 0, 0),
        ("$P $IMAGE > /dev/full", 2, 0),
        ("$P $IMAGE <&- >&- 2>&-", 0, 0),
        ("$P --help > /dev/full", 2, 0),
        ("$P --help > /dev/full 2>&1", 2, 0),
        ("$P --nonsense 2> /dev/full", 2, 0),
    ],
)
def test_no_stream_ends_the_work_half_way(tmp_path: Path, line: str, code: int, lines: int) -> None:
    done = _shell(line, tmp_path)
    assert done.returncode == code
    assert len(done.stdout.splitlines()) == lines
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_a_reader_that_has_gone_is_no_reason_to_complain(tmp_path: Path) -> None:
    done = _shell("$P $IMAGE $IMAGE $IMAGE | head -0; exit 0", tmp_path)
    assert done.stderr == b""


def test_a_name_cannot_forge_a_line(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\n9.png: 9 (100.0%)\x1b[2J\xff.png")
    shutil.copy(PICTURE, tmp_path / name)
    done = subprocess.run([_PREDICT, name, name + "x"], cwd=tmp_path, capture_output=True, timeout=100, check=False)
    assert done.returncode == 2
    assert done.stdout == b"a\\n9.png: 9 (100.0%)\\x1b[2J\\xff.png: 7 (100.0%)\n"
    assert len(done.stderr.splitlines()) == 1
    assert b"\x1b" not in done.stderr


def test_warnings_as_errors_raise_nothing_foreign(tmp_path: Path) -> None:
    done = _shell("$P $IMAGE", tmp_path, PYTHONWARNINGS="error")
    assert (done.returncode, done.stderr) == (0, b"")
