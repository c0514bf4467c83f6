"""Faults by strace at the system calls with which a command changes files in one folder."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from numbre_runtime.bundle import read_bundle
from numbre_runtime.errors import BundleError

FAULTS = ("error=ENOSPC", "error=EIO", "signal=KILL")
"""What strace does instead of the call."""
_CALLS = (
    *("openat", "write", "pwrite64", "writev", "sendfile", "copy_file_range", "ftruncate", "fsync", "fdatasync"),
    *("mkdir", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "symlink", "chmod", "fchmod"),
)
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)")
_TRACED, _LIMIT_S = ",".join(f"?{call}" for call in _CALLS), 600
_OPEN_TO_WRITE = ("O_WRONLY", "O_RDWR", "O_CREAT")


@dataclass(frozen=True)
class Command:
    """A command that writes below a folder, and what must be true of its outputs whatever happens."""

    words: Callable[[Path], tuple[str, ...]]
    """Takes the folder."""
    old: Callable[[Path], None]
    """Writes earlier outputs into the folder."""
    sound: Callable[[Path], bool]
    """Whether an output, a file or a bundle's directory, is one that the command writes whole."""


def _arguments(command: Command, folder: Path) -> list[str]:
    program, *words = command.words(folder)
    return [str(Path(sys.executable).parent / program), *words]


def points(command: Command, folder: Path) -> list[str]:
    """Every call with which the command's first thread changes files in the folder, as "write" and "write:when=7".

    Raises:
        AssertionError: The command fails by itself.
    """
    _prepare(command, folder)
    log = folder.with_suffix(".log")
    strace = ["strace", "-f", "-y", "-s", "512", "-e", f"trace={_TRACED}", "-o", str(log)]
    done = subprocess.run([*strace, *_arguments(command, folder)], capture_output=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    seen: Counter[str] = Counter()
    found: list[str] = []
    first = ""
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        first = first or match[1]
        if match[1] != first:
            continue
        call = match[2]
        # strace counts the calls of each thread by itself.
        seen[call] += 1
        changes = call != "openat" or any(flag in match[3] for flag in _OPEN_TO_WRITE)
        if changes and str(folder) in match[3]:
            found.append(f"{call}:when={seen[call]}")
    return found


def chosen(found: list[str], most: int | None, seed: int) -> list[tuple[str, str]]:
    """Every point with every fault; or a random draw of them."""
    every = [(point, fault) for point in found for fault in FAULTS]
    if most is None or most >= len(every):
        return every
    return random.Random(seed).sample(every, most)  # noqa: S311 - a repeatable draw


def _prepare(command: Command, folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("foreign")
    (folder / ".out.0123abcd").mkdir()
    (folder / ".out.0123abcd" / "precious").write_text("foreign")
    command.old(folder)


def _state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def complaint(command: Command, folder: Path, point: str, fault: str) -> str | None:
    """Runs the command with a fault; says what is wrong afterwards, None if nothing is.

    Args:
        command: The command.
        folder: A new folder.
        point: Of `points`.
        fault: One of `FAULTS`.
    """
    _prepare(command, folder)
    before = _state(folder)
    call, _, when = point.partition(":")
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={_TRACED}", "-e", f"inject={call}:{fault}:{when}"]
    done = subprocess.run([*strace, *_arguments(command, folder)], capture_output=True, timeout=_LIMIT_S, check=False)
    killed = fault.startswith("signal")
    if b"Traceback" in done.stderr or done.returncode not in ((0, 2, 137, -9) if killed else (0, 2)):
        return f"exit code {done.returncode}: {done.stderr[-400:]!r}"
    after = _state(folder)
    for name in ("notes.txt", ".out.0123abcd/precious"):
        if after.get(name) != b"foreign":
            return f"{name} is gone or changed"
    names = {path for path in before if not path.startswith(".")} - {"notes.txt"}
    for top in {Path(name).parts[0] for name in names}:
        if not (folder / top).exists():
            # Between two renames; any command that reads it puts it back.
            return f"{top} is gone"
        same = {name: content for name, content in after.items() if Path(name).parts[0] == top}
        if same != {name: before[name] for name in names if Path(name).parts[0] == top} and not command.sound(
            folder / top
        ):
            return f"{top} is neither the old one nor a whole new one"
    left = [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".out.0123abcd"]
    if left and not killed:
        return f"left: {left}"
    return None


def is_json(path: Path) -> bool:
    """Whether a file is whole JSON."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def is_bundle(path: Path) -> bool:
    """Whether a directory is a whole bundle."""
    try:
        read_bundle(path)
    except BundleError:
        return False
    return True
