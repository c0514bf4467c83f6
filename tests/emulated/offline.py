"""The guide's way to install without a network: a folder made on this machine, copied to the board."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from emulated.boards import System
from emulated.guide import code_blocks
from emulated.userland import CannotEmulateError
from emulated.wheels import ROOT, constraints


def offline_install(system: System, home: Path) -> str:
    """Makes and copies the folder as the guide says.

    Returns:
        The guide's line that installs from it.

    Raises:
        CannotEmulateError: The wheels cannot be downloaded.
    """
    make, *installs = code_blocks("## Without a network")
    # As the guide's comment says: its values are those of one board.
    line = make.replace("arm64", system.architecture).replace("3.11", system.python)
    programs = f" -- BIN={Path(sys.executable).parent} READY="
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", line],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": programs, **constraints(system, "litert")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise CannotEmulateError(f"{line}: {done.stderr.strip().splitlines()[-1]}")
    folder = f"wheelhouse-{system.architecture}-{system.python}"
    shutil.copytree(ROOT / "dist" / folder, home / folder)
    install = installs[0 if system.bits == 64 else 1]
    return install.replace("armhf", system.architecture)
