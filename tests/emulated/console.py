"""A home directory on an emulated board, where shell commands run as a user types them.

Every program but Python is this machine's own. Python is the system's, started through QEMU, which takes the board's
processor and its root from two variables of the environment; so one installation serves boards with other processors.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from emulated.boards import Board, System

_LATE = 124
"""What `timeout` exits with."""


class CommandFailedError(Exception):
    """A command on a board failed: its last line."""


def put_python(userland: Path, system: System, emulator: Path) -> None:
    """Makes the userland's `python3` a script that starts QEMU."""
    qemu = emulator / ("qemu-aarch64-static" if system.bits == 64 else "qemu-arm-static")
    python = userland / "usr/bin/python3"
    python.unlink(missing_ok=True)
    # Python finds its environment, and itself for child processes, by the name under which it was called: -0.
    python.write_text(f'#!/bin/sh\nexec {qemu} -0 "$0" {python}.{system.python.split(".")[1]} "$@"\n')
    python.chmod(0o755)
    for settings in (userland / "usr/lib").glob(f"python{system.python}/_sysconfigdata__*.py"):
        # Where `python3 -m venv` finds pip; QEMU 7.2 translates the path for open, and for 32-bit statx it does not.
        text = settings.read_text().replace("'WHEEL_PKG_DIR': '/usr", f"'WHEEL_PKG_DIR': '{userland}/usr")
        settings.write_text(text)


def make_root(board: Board, userland: Path, folder: Path) -> Path:
    """A root of the board's own: the system's folders, and a /proc that shows the board.

    Without it QEMU shows this machine's /proc/cpuinfo, and engines that read it crash.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "proc" / "device-tree").mkdir(parents=True)
    # No others: what the board's /tmp or /home would hide is this machine's own.
    for name in ("bin", "etc", "lib", "lib64", "sbin", "usr"):
        if (userland / name).exists():
            (folder / name).symlink_to(userland / name)
    one = f"Features\t: {board.features}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {board.part}\n"
    lines = "".join(f"processor\t: {core}\nBogoMIPS\t: 108.00\n{one}\n" for core in range(board.cores))
    (folder / "proc" / "cpuinfo").write_text(f"{lines}Model\t\t: {board.title}\n")
    (folder / "proc" / "device-tree" / "model").write_text(f"{board.title} (emulated {board.cpu})\0")
    return folder


class Console:
    """A home directory, as seen from one board."""

    def __init__(self, home: Path, userland: Path, root: Path, board: Board) -> None:
        self.home = home
        self.board = board
        self._root = root
        self._programs = home / ".programs"
        self._programs.mkdir(parents=True, exist_ok=True)
        python = self._programs / "python3"
        python.write_text(f'#!/bin/sh\nexec {userland}/usr/bin/python3 "$@"\n')
        python.chmod(0o755)

    def put_program(self, name: str, text: str) -> None:
        """A stand-in for a program that the board has and emulation has not."""
        (self._programs / name).write_text(text)
        (self._programs / name).chmod(0o755)

    def type(self, commands: str, environment: dict[str, str] | None = None, limit_s: float = 600) -> str:
        """Runs commands in the home directory, until one fails.

        Returns:
            What they print.

        Raises:
            CommandFailedError: One fails, or they take longer than `limit_s` seconds.
        """
        settings = {
            "PATH": f"{self._programs}:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "QEMU_CPU": self.board.cpu,
            "QEMU_LD_PREFIX": str(self._root),
            "NUMBRE_CACHE_DIR": str(self.home / f".cache-{self.board.name}"),
            "PIP_NO_COMPILE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **(environment or {}),
        }
        # `timeout` ends QEMU too, which the shell starts; to end the shell alone would leave it running.
        command = ["timeout", "--kill-after=10", str(limit_s), "/bin/sh", "-e", "-c", commands]
        done = subprocess.run(command, cwd=self.home, env=settings, capture_output=True, text=True, check=False)
        if done.returncode == _LATE:
            raise CommandFailedError(f"no answer within {limit_s:.0f} s")
        if done.returncode:
            lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines()
            raise CommandFailedError(lines[-1] if lines else f"exit code {done.returncode}")
        return done.stdout
