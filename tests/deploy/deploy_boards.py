"""Boards for the tests of numbre-deploy: sshd on loopback, with NumPy and others as if they were Debian's packages."""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loopback_board import LoopbackBoard, loopback_board
from numbre_runtime.deploy.deployment import Destination, Wishes
from numbre_runtime.remote.ssh import Host

_RELEASES = Path(".local/share/numbre")
_PACKAGES = ("numpy", "Pillow", "starlette", "uvicorn", "prometheus-client", "anyio", "idna", "h11", "click",
             "typing_extensions")  # fmt: skip
"""What the board has by itself: NumPy, Pillow, and what numbre-serve needs."""


@dataclass(frozen=True)
class DeployBoard:
    """A board on loopback."""

    reached: LoopbackBoard
    packages: Path
    wheels: Path

    @property
    def host(self) -> str:
        """As for ssh."""
        return self.reached.host

    @property
    def root(self) -> Path:
        """The folder of releases."""
        return self.reached.home / _RELEASES

    @property
    def destination(self) -> Destination:
        """As `deploy` takes it."""
        return Destination(Host(self.host, self.reached.options), sys.executable, engine="none")

    @property
    def wishes(self) -> Wishes:
        """Wishes for a board without a network."""
        return Wishes(wheels=lambda _, __: self.wheels, extras=("serve",))

    @property
    def reach(self) -> list[str]:
        """The arguments that lead there."""
        return [*(f"--ssh-option={option}" for option in self.reached.options), "--python", sys.executable]

    def words(self, bundle: object, *more: object) -> list[object]:
        """A command that deploys a bundle."""
        return [
            "numbre-deploy",
            bundle,
            self.host,
            *self.reach,
            "--engine=none",
            "--extra=serve",
            "--wheels",
            self.wheels,
            *more,
        ]

    @property
    def current(self) -> str:
        """The name of the model that is current, empty if none is."""
        record = self.root / "current" / "release.json"
        return record.read_text().split('"name": "')[1].split('"')[0] if record.is_file() else ""

    def answers(self) -> bool:
        """Whether the current release loads and answers its golden vectors, in its own environment."""
        folder = self.root / "current"
        program = [str(folder / "environment/bin/python"), "-m", "numbre_runtime.deploy.release_check"]
        done = subprocess.run(
            [*program, str(folder / "bundle"), "--golden-only"],
            env={"PYTHONPATH": str(self.packages), "HOME": str(self.reached.home), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


@contextmanager
def deploy_board(
    folder: Path, packages: Path, settings: Sequence[str] = (), **environment: str
) -> Iterator[DeployBoard]:
    """A board with Python, NumPy and Pillow, which gets nothing from a network.

    Args:
        folder: An empty folder.
        packages: From `system_packages`.
        settings: Lines for sshd_config.
        environment: Variables of what sshd starts.
    """
    (folder / "wheels").mkdir()
    variables = {"PYTHONPATH": str(packages), **environment}
    with loopback_board(folder, variables, settings=settings) as reached:
        yield DeployBoard(reached, packages, folder / "wheels")


def system_packages(folder: Path) -> Path:
    """Fills a folder with the packages that the board has by itself."""
    for name in _PACKAGES:
        files = importlib.metadata.files(name) or []
        for top in {file.parts[0] for file in files if not file.parts[0].startswith("..")} - {"__pycache__"}:
            (folder / top).symlink_to(Path(str(importlib.metadata.distribution(name).locate_file(top))))
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its inode and its time of change, so that a rewritten one shows."""
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
