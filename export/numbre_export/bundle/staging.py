"""One export into one target at a time, and none of a killed one's leavings.

The lock is the kernel's (flock), so it goes with its process however that ends. Whoever holds it knows that no other
export is at work there: temporary directories beside the target are then a killed export's.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from numbre_runtime.bundle import MANIFEST
from numbre_runtime.errors import BundleError, OutputError
from numbre_runtime.manifest import Manifest


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
        raise OutputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause
    try:
        _clean(target)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as directory:
            yield Path(directory)
    finally:
        # Removed while it is still held, so that nobody waits for a lock that has no name any more.
        lock_path.unlink(missing_ok=True)
        os.close(lock)
        with suppress(OSError):
            # Only where nothing was written into them.
            for path in made:
                path.rmdir()


def refuse_foreign(target: Path) -> None:
    """Keeps an export from replacing a directory that holds files which no export wrote.

    Raises:
        OutputError: `target` is such a directory.
    """
    if not target.is_dir():
        return
    present = {path.name for path in target.iterdir()}
    try:
        manifest = Manifest.from_json((target / MANIFEST).read_bytes(), MANIFEST)
        written = {MANIFEST, *(entry.file for entry in manifest.entries)}
    except (OSError, BundleError):
        written = {MANIFEST}
    if present - written:
        raise OutputError(
            f"{target}: holds {sorted(present - written)[0]}, which no export wrote and this one would remove; choose "
            "another --out"
        )


def _lock(path: Path) -> int:
    """Opens and locks the file, again if its last holder removed it in between."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _clean(target: Path) -> None:
    """Puts back a bundle that a killed export had set aside, and removes what else it left."""
    # tempfile's eight characters; another target's name may begin with this one's.
    ours = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}(\.old)?")
    leavings = [path for path in target.parent.iterdir() if ours.fullmatch(path.name) and path.is_dir()]
    for path in leavings:
        if path.name.endswith(".old") and not target.exists():
            path.rename(target)
        else:
            shutil.rmtree(path, ignore_errors=True)
