"""Copied as sitecustomize.py onto a path of Python's, it makes a process fail at a chosen one of its actions.

`NUMBRE_FAULT=kill:N` kills the process at its N-th action that changes the disk or starts a program; `full:N` lets all
from the N-th on that need space fail, as on a full disk.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

_ACTIONS = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.symlink", "os.rmdir", "subprocess.Popen", "os.utime"}
_GROWING = {"os.mkdir", "os.symlink", "os.link"}
_seen = 0


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    global _seen
    writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR) != 0
    if not writing and event not in _ACTIONS:
        return
    _seen += 1
    if _kind == "kill" and _seen == _number:
        os.kill(os.getpid(), signal.SIGKILL)
    if _kind == "full" and _seen >= _number and (writing or event in _GROWING):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))


_kind, _, _text = os.environ.get("NUMBRE_FAULT", "").partition(":")
_number = int(_text or 0)
# The programs that it starts go on without faults; each has a place of its own among the numbers.
os.environ.pop("NUMBRE_FAULT", None)
if _kind:
    sys.addaudithook(_hook)
