"""The system's lock of an open file: it goes with its process, however that ends."""

from __future__ import annotations

import os

_FAR = 1 << 30
"""The byte that is locked on Windows, far behind any text, because what is locked there nobody else can read."""


def lock_file(descriptor: int) -> None:
    """Locks an open file for this process, without waiting.

    Raises:
        BlockingIOError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        _lock_far_byte(descriptor)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_far_byte(descriptor: int) -> None:
    import msvcrt

    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _FAR, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError as cause:
        raise BlockingIOError(cause.errno, cause.strerror) from cause
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)
