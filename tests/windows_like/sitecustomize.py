"""Makes Python here look to NUMBRE's modules as it does on Windows; all other modules see what there is.

On PYTHONPATH, Python imports it at its start, also in child processes. What NUMBRE imports lacks the modules and names
that only POSIX has, and pipes cannot be waited for with a time limit. `msvcrt` locks a byte as Windows' own does.
"""

from __future__ import annotations

import builtins
import fcntl
import os
import signal
from collections.abc import Mapping, Sequence
from types import ModuleType

_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "select", "selectors", "syslog", "termios", "tty"}
_LACKS = {
    "os": {
        *(
            "chown",
            "chroot",
            "confstr",
            "ctermid",
            "fchmod",
            "fchown",
            "fork",
            "forkpty",
            "getegid",
            "geteuid",
            "getgid",
        ),
        *("getgrouplist", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority", "getuid", "killpg", "lchown"),
        *("major", "makedev", "memfd_create", "minor", "mkfifo", "mknod", "nice", "openpty", "pathconf", "pipe2"),
        *("posix_fallocate", "posix_spawn", "pread", "preadv", "pwrite", "pwritev", "readv", "register_at_fork"),
        *("sched_getaffinity", "sched_setaffinity", "sched_yield", "sendfile", "set_blocking", "setpgid", "setsid"),
        *("setuid", "splice", "statvfs", "sync", "sysconf", "ttyname", "uname", "wait", "wait3", "wait4", "waitid"),
        *("O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "O_TMPFILE"),
        *("SCHED_OTHER", "WNOHANG", "WIFEXITED", "WEXITSTATUS", "getxattr", "setxattr"),
    },
    "signal": {
        *("SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGIO", "SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT"),
        *("SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "alarm"),
        *(
            "getitimer",
            "pause",
            "pthread_kill",
            "pthread_sigmask",
            "setitimer",
            "siginterrupt",
            "sigpending",
            "sigwait",
        ),
    },
}


class _Lacking(ModuleType):
    """A module without some of its names."""

    def __init__(self, module: ModuleType, names: set[str]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update({name: item for name, item in vars(module).items() if name not in names})


class _Msvcrt(ModuleType):
    """As much of msvcrt as NUMBRE uses."""

    LK_NBLCK = 2

    @staticmethod
    def locking(descriptor: int, _mode: int, length: int) -> None:
        """Locks `length` bytes from the file's position on; OSError if another process holds one of them."""
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, 0, os.SEEK_CUR)


_SEEN = {
    "os": _Lacking(os, _LACKS["os"]),
    "signal": _Lacking(signal, _LACKS["signal"]),
    "msvcrt": _Msvcrt("msvcrt"),
}
_import = builtins.__import__


def _as_on_windows(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002 - the names of the function that it replaces
    locals: Mapping[str, object] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    # The specification has the name also of a module that runs as __main__.
    importing = getattr((globals or {}).get("__spec__"), "name", "")
    if importing.startswith("numbre_"):
        if name in _MODULES:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        if name in _SEEN:
            return _SEEN[name]
    return _import(name, globals, locals, fromlist, level)


builtins.__import__ = _as_on_windows
