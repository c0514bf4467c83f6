"""Compiles the C kernels on the machine that runs them, once.

Only the kernels that ship in this package are compiled, never a file of a bundle: a bundle's model.c is for
microcontrollers, and nothing here runs it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from numbre_runtime.cache import cache_directory
from numbre_runtime.errors import BackendError, BackendNotInstalledError
from numbre_runtime.native.kernel_sources import library_source

_FLAGS = ("-std=gnu99", "-O2", "-fPIC", "-shared")
_SECONDS = 300


def kernel_library() -> tuple[ctypes.CDLL, str]:
    """The compiled kernels, and the compiler's name and version.

    They are kept in NUMBRE's cache directory, under a name that depends on the source, the compiler and the processor.

    Raises:
        BackendNotInstalledError: There is no C compiler.
        BackendError: They do not compile or load.
    """
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        raise BackendNotInstalledError("the c backend needs a C compiler; run: sudo apt install gcc")
    source, version = library_source(), _run(compiler, "-dumpfullversion", "-dumpversion").strip()
    flags = (*_FLAGS, *_processor_flags())
    key = "\0".join((source, version, platform.machine(), *flags))
    name = f"kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    folder = cache_directory()
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if not _is_ours(folder / name):
                _compile(compiler, flags, source, folder, name)
            return ctypes.CDLL(str(folder / name)), f"{Path(compiler).name} {version}"
    except PermissionError:
        # A cache that cannot be written is none.
        pass
    except OSError as cause:
        raise BackendError(f"the C kernels cannot be compiled or loaded ({cause})") from cause
    with tempfile.TemporaryDirectory() as directory:
        _compile(compiler, flags, source, Path(directory), name)
        return ctypes.CDLL(str(Path(directory) / name)), f"{Path(compiler).name} {version}"


def _processor_flags() -> tuple[str, ...]:
    """On 32-bit boards compilers leave out what not every such board has: NEON, or products of pairs on ARMv6."""
    if platform.machine() == "armv6l":
        return ("-mcpu=native",)
    return ("-mcpu=native", "-mfpu=auto") if platform.machine() in ("armv7l", "armv8l") else ()


def _is_ours(path: Path) -> bool:
    """Whether a library is there that nobody but this user can have written: loading it runs it."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not hasattr(os, "getuid"):
        # Windows protects a user's folder by a list of rights of the folder, which its files inherit.
        return stat.S_ISREG(found.st_mode)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _compile(compiler: str, flags: tuple[str, ...], source: str, folder: Path, name: str) -> None:
    """Writes the library all or nothing."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".kernels.") as directory:
        (Path(directory) / "kernels.c").write_text(source, encoding="utf-8")
        built = Path(directory) / name
        _run(compiler, *flags, "-o", str(built), f"{directory}/kernels.c")
        built.chmod(0o755)
        built.replace(folder / name)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as cause:
        raise BackendError(f"{command[0]} takes longer than {_SECONDS} s") from cause
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BackendError(f"{command[0]} does not compile the C kernels ({last[:200]}); use another backend")
    return done.stdout
