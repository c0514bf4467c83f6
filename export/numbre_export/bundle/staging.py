"""One export into one target at a time, and none of a killed one's leavings.

The lock goes with its process however that ends, see `numbre_runtime.file_lock`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from numbre_runtime.bundle import MANIFEST, SIGNATURE
from numbre_runtime.directories import clean_up, working_directory
from numbre_runtime.errors import BundleError, NumbreError, OutputError
from numbre_runtime.file_lock import lock_file
from numbre_runtime.files import read_limited
from numbre_runtime.manifest import Manifest

_LOCK_TEXT = b"numbre-export writes into the directory of this name\n"
_MANIFEST_LIMIT = 1 << 20
# Windows knows none of the three by name.
_CAREFULLY = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))


@contextmanager
def exclusive(target: Path) -> Iterator[Path]:
    """Holds `target` for one export; gives a directory for intermediate files that goes when the block ends.

    Raises:
        OutputError: Another export holds it, or the place cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target}: is a file, a directory was expected; choose another --out")
    target = target.resolve()
    made = [path for path in target.parents if not path.exists()]
    lock_path = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(lock_path)
    except BlockingIOError as cause:
        raise OutputError(f"{target}: another export is writing there; wait for it or choose another --out") from cause
    except OSError as cause:
        if isinstance(cause, NumbreError):
            raise
        raise OutputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause
    try:
        clean_up(target)
        with working_directory(target) as directory:
            yield directory
    finally:
        # Removed while it is still held, so that nobody waits for a lock that has no name any more. Windows removes no
        # file that is open, and none that another process has opened meanwhile.
        with suppress(PermissionError):
            lock_path.unlink(missing_ok=True)
        os.close(lock)
        if os.name == "nt":
            with suppress(PermissionError):
                lock_path.unlink(missing_ok=True)
        with suppress(OSError):
            # Only where nothing was written into them.
            for path in made:
                path.rmdir()


def foreign_file(folder: Path) -> str | None:
    """The name of an entry in a directory that no export wrote; None if a new bundle may take the directory's place.

    An export wrote manifest.json if it is a manifest, and the files that it lists.
    """
    present = {path.name: path for path in folder.iterdir()}
    written: set[str] = set()
    with suppress(BundleError):
        content = read_limited(folder / MANIFEST, _MANIFEST_LIMIT, BundleError)
        manifest = Manifest.from_json(content, MANIFEST)
        written = {MANIFEST, SIGNATURE, *(entry.file for entry in manifest.entries)}
    others = [name for name, path in present.items() if name not in written or not path.is_file()]
    return min(others, default=None)


def _lock(path: Path) -> int:
    """Opens and locks the file, again if its last holder removed it in between.

    Raises:
        OutputError: A file of that name is there which no export wrote.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _CAREFULLY, 0o666)
        try:
            found = os.read(descriptor, len(_LOCK_TEXT) + 1)
            # Killed before its text was there, an export leaves it empty.
            if found not in (b"", _LOCK_TEXT):
                raise OutputError(f"{path}: is in the way, no export wrote it; choose another --out")
            lock_file(descriptor)
            if not found:
                os.write(descriptor, _LOCK_TEXT)
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
