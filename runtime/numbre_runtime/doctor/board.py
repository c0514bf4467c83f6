"""What this machine is, as far as it decides which engines run on it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Board:
    """A machine and the Python on it."""

    model: str
    """The board's own name, "Raspberry Pi 4 Model B Rev 1.4", or the processor's."""
    system: str
    """The operating system's name, "Debian GNU/Linux 12 (bookworm)"."""
    machine: str
    """What the kernel calls the processor, "aarch64"."""
    bits: int
    """64 or 32: width of the Python interpreter, which on Raspberry Pi OS may be less than the kernel's."""
    python: str
    """Python's version."""
    numpy: str
    """NumPy's version."""
    pillow: str
    """Pillow's version; empty if it is not installed."""

    @property
    def python_minor(self) -> tuple[int, int]:
        """Python's version as two numbers, (3, 11)."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)

    @property
    def line(self) -> str:
        """All of it in one line."""
        pillow = f"Pillow {self.pillow}" if self.pillow else "no Pillow"
        return (
            f"{self.model}, {self.system}, {self.machine} with {self.bits}-bit Python {self.python}, "
            f"NumPy {self.numpy}, {pillow}"
        )


def this_board() -> Board:
    """The machine that this runs on."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = f"{platform.system()} {platform.release()}"
    try:
        pillow = version("Pillow")
    except PackageNotFoundError:
        pillow = ""
    return Board(
        model=processor_name(),
        system=system,
        machine=platform.machine(),
        bits=64 if sys.maxsize > 1 << 32 else 32,
        python=platform.python_version(),
        numpy=np.__version__,
        pillow=pillow,
    )


def processor_name() -> str:
    """The board's or the processor's name, as far as the system tells."""
    for path, key in (("/proc/device-tree/model", ""), ("/proc/cpuinfo", "model name")):
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(key):
                return line.split(":")[-1].strip("\0 \t")
    return platform.processor() or "unknown processor"


def cpu_features() -> list[str]:
    """The instruction sets that Linux says the processor has ("asimddp", "avx2", …); empty where it does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return line.partition(":")[2].split()
    return []
