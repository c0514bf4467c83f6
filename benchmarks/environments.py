"""A virtual environment for each thing that is compared, under build/benchmarks; `make clean` removes them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PLACE = ROOT / "build" / "benchmarks"
_NOT_COUNTED = ("pip", "setuptools", "pkg_resources", "wheel", "_distutils_hack")
_INSTALL_S = 900


class UnavailableError(Exception):
    """A peer cannot be compared on this machine; the message says why."""


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The Python interpreter of an environment with these requirements, made if it is not there yet.

    Raises:
        UnavailableError: pip cannot install them here.
    """
    folder = _PLACE / name
    python, stamp = folder / "bin" / "python", folder / ".ready"
    wanted = "\n".join(_as_it_is_now(requirement) for requirement in requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, env=clean(), check=False)
    except subprocess.TimeoutExpired as late:
        raise UnavailableError(f"pip takes longer than {_INSTALL_S} s") from late
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise UnavailableError(errors[-1] if errors else f"pip ends with exit code {done.returncode}")
    stamp.write_text(wanted)
    return python


def _as_it_is_now(requirement: str) -> str:
    """A requirement; for a folder of this tree, with the hash of its files, because they change."""
    folder = Path(requirement.partition("[")[0])
    if not folder.is_dir():
        return requirement
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content.update(path.read_bytes())
    return f"{requirement} {content.hexdigest()}"


def clean(**more: str) -> dict[str, str]:
    """This process's environment variables without those that would let an interpreter find this tree's packages."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}, **more}


def installed_mb(python: Path) -> float:
    """MB (10^6 bytes) of everything in an environment but pip itself, without bytecode."""
    (packages,) = (python.parent.parent / "lib").glob("python*/site-packages")
    return sum(
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and "__pycache__" not in path.parts
        and not path.relative_to(packages).parts[0].startswith(_NOT_COUNTED)
    ) / 1e6  # fmt: skip
