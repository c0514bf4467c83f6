"""Reading with a limit and writing all or nothing.

A directory is built beside its target and renamed into place, so that a reader sees the old one or the new one,
never a part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numbre_runtime.errors import NumbreError, OutputError


def read_limited(path: Path, limit: int, error: type[NumbreError]) -> bytes:
    """Reads a regular file of at most `limit` bytes.

    Raises:
        error: The file is missing, no regular file, unreadable or larger than `limit`.
    """
    try:
        if not path.is_file():
            what = "is a directory" if path.is_dir() else "not a regular file" if path.exists() else "no such file"
            raise error(f"{path}: {what}")
        with path.open("rb") as stream:
            content = stream.read(max(limit, 0) + 1)
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror or cause})") from cause
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


def check_writable(path: Path) -> None:
    """Finds out before the work, as far as that can be, whether `write_atomic` will do; makes the file's directory.

    Raises:
        OutputError: It will not.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a directory; name a file")
    try:
        try_folder(path.parent)
    except OSError as cause:
        raise OutputError(f"{path}: cannot be written ({cause.strerror or cause})") from cause


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file all or nothing: a temporary file beside it, flushed to disk, then renamed.

    Raises:
        OutputError: The place cannot be written; an earlier file at `path` is untouched.
    """
    import tempfile

    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as cause:
        raise OutputError(f"{path}: cannot be written ({cause.strerror or cause})") from cause
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def replacing_directory(target: Path) -> Iterator[Path]:
    """Gives an empty directory beside `target` that takes its place when the block ends without an error.

    The earlier directory stays as it is until then, and for good if the block raises.

    Raises:
        OutputError: The place cannot be written, or `target` is a file.
    """
    import shutil
    import tempfile

    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file, a directory was expected; choose another --out")
    # A link keeps pointing to where the new directory then is.
    target = target.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as cause:
        raise OutputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause
    try:
        yield staging
        _swap(staging, target)
    except OSError as cause:
        if isinstance(cause, NumbreError):
            raise
        raise OutputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, target: Path) -> None:
    """Renames `staging` to `target`; an earlier `target` is set aside first and put back if that fails."""
    staging.chmod(0o777 & ~_umask())
    import shutil

    aside = staging.with_name(staging.name + ".old")
    try:
        if target.exists():
            target.rename(aside)
        staging.rename(target)
    except BaseException:
        # Ctrl-C between the two renames must not lose the earlier directory.
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _umask() -> int:
    """The process's file mode mask; reading it is only possible by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
