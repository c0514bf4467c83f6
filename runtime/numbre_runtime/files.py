"""Reading with a limit, and writing one file all or nothing without destroying anybody else's.

A new file is written beside its target, flushed to disk and renamed, so that a reader sees the old one or the new one,
never a part. What is no regular file (a terminal, /dev/null, a pipe) is written plainly; a link is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from numbre_runtime.errors import NumbreError, OutputError

_STARTS = {".png": b"\x89PNG", ".json": b"{", ".html": b"<!doctype html>", ".npz": b"PK", ".parquet": b"PAR1"}
"""File name's end to how such a file begins: an output replaces only a file of its own kind."""
_MANIFEST, _BUNDLE_MARK = "manifest.json", b'"artifacts"'
_MANIFEST_LIMIT = 1 << 20


def read_limited(path: Path, limit: int, error: type[NumbreError]) -> bytes:
    """Reads a regular file of at most `limit` bytes; a pipe or a device is refused, never waited for.

    Raises:
        error: The file is missing, no regular file, unreadable or larger than `limit`.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO waits for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise error(f"{path}: {'is a directory' if stat.S_ISDIR(found.st_mode) else 'not a regular file'}")
            if found.st_size > limit:
                raise error(f"{path}: larger than the {limit:,} bytes that are read at most")
            content = stream.read(max(limit, 0) + 1)
    except FileNotFoundError as cause:
        raise error(f"{path}: no such file") from cause
    except IsADirectoryError as cause:
        raise error(f"{path}: is a directory") from cause
    except (OSError, ValueError) as cause:
        if isinstance(cause, NumbreError):
            raise
        raise error(f"{path}: cannot be read ({getattr(cause, 'strerror', None) or cause})") from cause
    if len(content) > limit:
        raise error(f"{path}: larger than the {limit:,} bytes that are read at most")
    return content


def try_folder(folder: Path) -> None:
    """Makes a folder if it is not there, and tries whether files can be written in it.

    Raises:
        OSError: They cannot.
    """
    import tempfile

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def check_output(path: Path, inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Finds out before the work whether `write_atomic` may and can write a file; makes the file's directory.

    Args:
        path: The output, as the user names it. Its ending tells its kind.
        inputs: What the command reads; nothing of it is ever overwritten.

    Raises:
        OutputError: It is a directory, an input, a file of another kind, within a bundle, or cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a directory; name a file")
    real = Path(os.path.realpath(path))
    for source in inputs:
        if _is_same(path, source) or Path(os.path.realpath(source)) in real.parents:
            raise OutputError(f"{path}: is what this command reads; choose another name for its output")
    if is_bundle(real.parent):
        raise OutputError(f"{path}: {real.parent} is a bundle, which another file would spoil; choose another folder")
    start = _STARTS.get(path.suffix.lower())
    if start is not None and path.is_file():
        found = _first_bytes(path, len(start))
        if found and not found.lower().startswith(start.lower()):
            raise OutputError(f"{path}: there is a file that is no {path.suffix[1:].upper()}; choose another name")
    if path.exists() and not path.is_file():
        return
    try:
        try_folder(real.parent)
    except OSError as cause:
        raise OutputError(f"{path}: cannot be written ({cause.strerror or cause})") from cause


def is_bundle(folder: Path) -> bool:
    """Whether a folder holds a bundle's manifest, damaged or not."""
    try:
        return _BUNDLE_MARK in read_limited(folder / _MANIFEST, _MANIFEST_LIMIT, OutputError)
    except OutputError:
        return False


def _is_same(path: Path, other: str | os.PathLike[str]) -> bool:
    with suppress(OSError, ValueError):
        # Also by another hard link.
        return path.samefile(other)
    return os.path.realpath(path) == os.path.realpath(other)


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as cause:
        raise OutputError(f"{path}: cannot be read ({cause.strerror or cause})") from cause


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file all or nothing: a temporary file beside it, flushed to disk, then renamed.

    A link is followed, and a file that is replaced keeps its permissions. A terminal, a pipe or a device is written
    plainly; a pipe that nobody reads is not waited for.

    Raises:
        OutputError: The place cannot be written; an earlier file at `path` is untouched.
    """
    temporary: Path | None = None
    try:
        earlier = _stat(path)
        if _is_special(path, earlier):
            _write_plainly(path, content)
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _unused_name(target)
        # Made by open, the file gets the permissions that the umask leaves without anybody having to read it.
        mode = 0o666 if earlier is None else 0o600
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            if earlier is not None:
                temporary.chmod(stat.S_IMODE(earlier.st_mode))
            os.fsync(stream.fileno())
        # Looked at again: what has become a device or a directory meanwhile is not replaced.
        if _is_special(path, _stat(path)):
            raise OutputError(f"{path}: cannot be written (it has changed meanwhile)")
        temporary.replace(target)
        temporary = None
        sync_folder(target.parent)
    except (OSError, ValueError) as cause:
        if isinstance(cause, NumbreError):
            raise
        raise OutputError(f"{path}: cannot be written ({getattr(cause, 'strerror', None) or cause})") from cause
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Flushes a folder's entries to disk, as far as its file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_special(path: Path, found: os.stat_result | None) -> bool:
    """Whether `path` is written plainly: a device or a pipe, or a name of this process's own standard output."""
    if found is None:
        return False
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    return not stat.S_ISREG(found.st_mode) or path.absolute().parts[1:2] in (("dev",), ("proc",))


def _write_plainly(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as cause:
        if cause.errno == errno.ENXIO:
            raise OutputError(f"{path}: cannot be written (a pipe that nobody reads)") from cause
        raise
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb", buffering=0) as stream:
        rest = memoryview(content)
        while rest:
            rest = rest[stream.write(rest) :]


def _unused_name(target: Path) -> Path:
    """A name beside `target` for its temporary file, which is no longer than the target's by more than 10 bytes."""
    # Names have 255 bytes at most; a long one is cut, as mkstemp would not.
    name = os.fsencode(target.name)[:200]
    return target.with_name(f".{os.fsdecode(name)}.{os.urandom(4).hex()}")
