"""A virtual environment on a board, with the runtime that runs here and the engines that can be had there."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.remote.ssh import Connection, RemoteError
from numbre_runtime.remote.wheel import runtime_wheel


def install_runtime(
    connection: Connection, folder: str, python: str, engines: Sequence[str], wheels: Path | None
) -> str:
    """Makes FOLDER/venv on the board and installs the runtime there.

    Args:
        connection: To the board.
        folder: An existing folder on the board.
        python: The board's Python interpreter.
        engines: Extras of numbre-runtime, "litert"; one that cannot be installed is left out with a warning.
        wheels: A folder of wheels here to install from, for a board without a network.

    Returns:
        The folder of the environment's programs, FOLDER/venv/bin.

    Raises:
        RemoteError: The environment cannot be made, or the runtime does not install there.
    """
    quoted = shlex.quote(folder)
    name, content = runtime_wheel()
    wheel = connection.directory / name
    wheel.write_bytes(content)
    connection.copy([wheel], folder)
    source = ""
    if wheels is not None:
        wheels = wheels.resolve()
        connection.copy([wheels], folder)
        source = f"--no-index --find-links {quoted}/{shlex.quote(wheels.name)} "
    # 32-bit boards have no wheels of NumPy and Pillow; they use the system's own.
    connection.shell(f"{shlex.quote(python)} -m venv --system-site-packages {quoted}/venv")
    pip = f"{quoted}/venv/bin/python -m pip install --quiet --disable-pip-version-check {source}"
    connection.shell(f"{pip}{quoted}/{shlex.quote(name)}")
    for engine in engines:
        try:
            connection.shell(f"{pip}{shlex.quote(f'{folder}/{name}[{engine}]')}")
        except RemoteError as cause:
            warnings.warn(f"measured without {engine}: {cause}", stacklevel=2)
    return f"{folder}/venv/bin"
