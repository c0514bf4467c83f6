"""The guide's way to install without a network: a folder made on this machine, copied to the board."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from emulated.boards import System
from emulated.console import Console
from emulated.guide import code_blocks, without_packages
from emulated.userland import CannotEmulateError
from emulated.wheels import ROOT

_TRIED_ON = ("bookworm-arm64", "bookworm-armel")


def install_offline(system: System, console: Console) -> None:
    """Types the guide's lines under "Without a network", on one 64-bit and one 32-bit system.

    Raises:
        CannotEmulateError: The wheels cannot be downloaded.
        CommandFailedError: A line fails on the board.
    """
    if system.name not in _TRIED_ON:
        return
    make, *installs = code_blocks("## Without a network")
    # As the guide's comment says: its values are those of one board.
    line = make.replace("arm64", system.architecture).replace("3.11", system.python)
    programs = f" -- BIN={Path(sys.executable).parent} READY="
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", line],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": programs},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise CannotEmulateError(f"{line}: {done.stderr.strip().splitlines()[-1]}")
    folder = f"wheelhouse-{system.architecture}-{system.python}"
    shutil.copytree(ROOT / "dist" / folder, console.home / folder)
    venv = next(line for line in without_packages(code_blocks(f"## {system.bits}-bit")[0]).splitlines())
    install = installs[0 if system.bits == 64 else 1].replace("arm64", system.architecture)
    console.type(f"{venv}\n{install.replace('armhf', system.architecture)}\n~/numbre/bin/numbre-doctor")
