"""Replacing a directory all or nothing, without destroying what is not ours.

The new directory is built in a working directory beside its target: `.NAME.XXXXXXXX/` with the file `MARKER`, which
tells what it is and is locked as long as its process lives, `new/`, and for a moment `old/`. The kernel exchanges `new`
and the target in one step where it can (Linux: renameat2 with RENAME_EXCHANGE). Elsewhere two renames take their place;
a process that is killed between them leaves a working directory with the earlier one in `old/`, and `put_back` renames
it to its target at the next start of any command that reads it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from numbre_runtime.errors import NumbreError, OutputError
from numbre_runtime.file_lock import lock_file
from numbre_runtime.files import read_limited, sync_folder

MARKER = ".numbre-working-directory"
"""The file by which a working directory is recognised, whatever its name."""
_TEXT = b"numbre builds a directory here and removes this one afterwards; beside it: "
_RENAME_EXCHANGE, _AT_FDCWD = 2, -100


@contextmanager
def replacing_directory(target: Path, foreign: Callable[[Path], str | None] = lambda _: None) -> Iterator[Path]:
    """Gives an empty directory that takes the place of `target` when the block ends without an error.

    The earlier directory stays as it is until then, and for good if the block raises.

    Args:
        target: The directory; a link keeps pointing to where the new one then is.
        foreign: Takes the earlier directory and names a file in it that is not ours; None if there is none. It is asked
            before the block, and again of the directory that was taken away, so that nothing that anybody puts there
            meanwhile gets lost.

    Raises:
        OutputError: The place cannot be written, `target` is a file, or holds a foreign file.
    """
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file, a directory was expected; choose another --out")
    target = target.resolve()
    try:
        if target.is_dir():
            _refuse(foreign, target, target)
        with working_directory(target) as work:
            new = work / "new"
            new.mkdir()
            yield new
            _swap(new, target, foreign)
    except OSError as cause:
        if isinstance(cause, NumbreError):
            raise
        raise OutputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause


@contextmanager
def working_directory(target: Path) -> Iterator[Path]:
    """A directory beside `target` for one process, which is removed at the end, also by another after a kill.

    Raises:
        OSError: It cannot be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{os.fsdecode(os.fsencode(target.name)[:200])}.{os.urandom(4).hex()}")
    work.mkdir()
    marker = os.open(work / MARKER, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        lock_file(marker)
        os.write(marker, _TEXT + os.fsencode(target.name))
        yield work
    finally:
        finished = not (work / "old").exists() or target.exists()
        if finished:
            _remove(work)
        os.close(marker)
        if finished and work.exists():
            # Windows removes no file that is open, and this process held its marker until now.
            _remove(work)


def clean_up(target: Path) -> None:
    """Puts back what a killed process had taken away from `target`, and removes the working directories it left.

    A directory without the marker, or one whose process still lives, is never touched, whatever its name.
    """
    for work in _abandoned(target):
        if (work / "old").is_dir() and not target.exists():
            (work / "old").rename(target)
        _remove(work)


def put_back(target: Path) -> None:
    """Renames an earlier directory back to `target` if a killed process left it under another name."""
    with suppress(OSError):
        for work in _abandoned(target):
            if (work / "old").is_dir() and not target.exists():
                (work / "old").rename(target)


def _abandoned(target: Path) -> Iterator[Path]:
    """The working directories beside `target` that were made for it and whose process has ended."""
    for work in target.parent.glob(".*.*"):
        if work.is_symlink() or not work.is_dir():
            continue
        try:
            text = read_limited(work / MARKER, 4096, OutputError)
        except OutputError:
            continue
        # Killed before its text was there, it has made nothing yet.
        if text not in (b"", _TEXT + os.fsencode(target.name)):
            continue
        marker = os.open(work / MARKER, os.O_RDWR)
        try:
            lock_file(marker)
            yield work
        except BlockingIOError:
            continue
        finally:
            os.close(marker)


def _remove(work: Path) -> None:
    """Removes a working directory, its marker last, so that what is left after a kill is still recognised."""
    for entry in work.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):
                entry.unlink()
    with suppress(OSError):
        (work / MARKER).unlink()
        work.rmdir()


def _refuse(foreign: Callable[[Path], str | None], folder: Path, target: Path) -> None:
    name = foreign(folder)
    if name is not None:
        raise OutputError(
            f"{target}: holds {name}, which this command did not write and would remove; choose another --out"
        )


def _swap(new: Path, target: Path, foreign: Callable[[Path], str | None]) -> None:
    """Puts `new` where `target` is, and the earlier directory, if there is one, into new's working directory."""
    for file in new.iterdir():
        if file.is_file():
            _sync(file)
    sync_folder(new)
    old = new.with_name("old")
    if not target.exists():
        new.rename(target)
    elif _exchange(new, target):
        # What was the target is now at `new`, where only this process looks.
        try:
            _refuse(foreign, new, target)
        except BaseException:
            _exchange(new, target)
            raise
    else:
        try:
            target.rename(old)
            _refuse(foreign, old, target)
            new.rename(target)
        except BaseException:
            # Neither an error nor Ctrl-C between the two renames may lose the earlier directory.
            if old.exists() and not target.exists():
                old.rename(target)
            raise
    sync_folder(target.parent)


def _sync(file: Path) -> None:
    # Windows flushes what is open for writing alone.
    descriptor = os.open(file, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two directories' names in one step; False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = (os.fsencode(one), os.fsencode(other))
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)
