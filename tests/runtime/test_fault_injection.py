"""Writing is killed, or fails, at every system call that changes a file: the old or the new is there, nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from numbre_runtime.directories import MARKER, clean_up, put_back

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

_WRITER = """
import sys
from pathlib import Path
from numbre_runtime.directories import replacing_directory
from numbre_runtime.errors import OutputError
from numbre_runtime.files import write_atomic
place = Path(sys.argv[1])
open("/dev/null").close()
try:
    with replacing_directory(place / "bundle") as new:
        for name in ("a", "b"):
            write_atomic(new / name, b"new")
    write_atomic(place / "file", b"new")
except OutputError as error:
    print(error)
    sys.exit(2)
"""
_CALLS = {
    "mkdir": 6,
    "write": 4,
    "fsync": 10,
    "rename": 3,
    "renameat2": 1,
    "unlink": 1,
    "rmdir": 2,
    "chmod": 1,
    "flock": 1,
}
"""System call to how often the writer makes it, as strace counts them."""
_FAULTS = ("error=ENOSPC", "error=EIO", "signal=KILL")
_KILL = "signal=KILL"
_POINTS = [
    *(
        (f"{call}:{fault}:when={when}",)
        for call, most in _CALLS.items()
        for fault in _FAULTS
        for when in range(1, most + 1)
    ),
    # Python's imports open and close a hundred files before the writer does.
    *((f"openat:{_KILL}:when={when}",) for when in range(100, 145)),
    *((f"close:{_KILL}:when={when}",) for when in range(60, 116)),
    # A file system that cannot exchange two names: two renames take their place.
    *(("renameat2:error=EINVAL", f"rename:{fault}:when={when}") for fault in _FAULTS for when in range(1, 6)),
]
"""What strace injects, 203 points."""


def _state(place: Path) -> tuple[dict[str, bytes] | None, bytes]:
    """The directory's files, None where it is missing, and the file."""
    folder = place / "bundle"
    files = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else None
    return files, (place / "file").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("injected", _POINTS, ids=" ".join)
def test_old_or_new_is_there_afterwards(tmp_path: Path, injected: tuple[str, ...]) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "a").write_bytes(b"old")
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / ".bundle.precious").mkdir()
    (tmp_path / ".bundle.precious" / "notes").write_bytes(b"foreign")
    injection = [word for item in injected for word in ("-e", f"inject={item}")]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *injection, sys.executable, "-B", "-c", _WRITER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    put_back(tmp_path / "bundle")
    files, content = _state(tmp_path)
    assert files in ({"a": b"old"}, {"a": b"new", "b": b"new"})
    assert content in (b"old", b"new")
    clean_up(tmp_path / "bundle")
    assert (tmp_path / ".bundle.precious" / "notes").read_bytes() == b"foreign"
    left = [path for path in tmp_path.iterdir() if path.name.startswith(".bundle.") and (path / MARKER).exists()]
    assert left == []
