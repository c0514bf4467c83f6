"""Boards for the tests of numbre-deploy: sshd on loopback, with NumPy and Pillow as if they were Debian's packages."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loopback_board import LoopbackBoard, loopback_board

RELEASES = Path(".local/share/numbre")
"""The folder of releases below a board's home."""


def system_packages(folder: Path) -> Path:
    """A folder with nothing but NumPy and Pillow, to stand for the board's own Python packages."""
    folder.mkdir(exist_ok=True)
    for name in ("numpy", "Pillow"):
        files = importlib.metadata.files(name) or []
        tops = {file.parts[0] for file in files if not file.parts[0].startswith("..")}
        for top in tops:
            (folder / top).symlink_to(Path(str(importlib.metadata.distribution(name).locate_file(top))))
    return folder


@contextmanager
def deploy_board(folder: Path, **environment: str) -> Iterator[LoopbackBoard]:
    """A board with Python, NumPy and Pillow."""
    packages = system_packages(folder / "packages")
    with loopback_board(folder, {"PYTHONPATH": str(packages), **environment}) as board:
        yield board


def reach(board: LoopbackBoard) -> list[str]:
    """The arguments that lead to a board."""
    return [*(f"--ssh-option={option}" for option in board.options), "--python", sys.executable]


def releases(board: LoopbackBoard) -> Path:
    """A board's folder of releases."""
    return board.home / RELEASES


def current(board: LoopbackBoard) -> str:
    """The release that is current on a board, by the name of its model."""
    link = releases(board) / "current"
    return (link / "release.json").read_text().split('"name": "')[1].split('"')[0] if link.exists() else ""


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its inode and its time of change, so that a rewritten one shows."""
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths}


def answers(board: LoopbackBoard) -> bool:
    """Whether the board's current release loads and answers its golden vectors, in its own environment."""
    folder = releases(board) / "current"
    program = [str(folder / "environment/bin/python"), "-m", "numbre_runtime.deploy.release_check"]
    packages = board.home.parent / "packages"
    done = subprocess.run(
        [*program, str(folder / "bundle"), "--golden-only"],
        env={"PYTHONPATH": str(packages), "HOME": str(board.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
