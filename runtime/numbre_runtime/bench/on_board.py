"""The same measurement on a board of the user's own, over ssh."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.remote.environment import install_runtime
from numbre_runtime.remote.ssh import Connection, Host, connect

_RESULT = "result.json"


def measure_on_board(
    host: Host,
    bundle: Path,
    data: Path | None,
    words: Sequence[str],
    *,
    python: str = "python3",
    engines: Sequence[str] = ("litert", "onnx"),
    wheels: Path | None = None,
) -> bytes:
    """Installs the runtime on the board, measures there, and leaves nothing behind.

    Args:
        host: The board.
        bundle: The bundle's directory here.
        data: A file of test data here, if any.
        words: Further arguments for numbre-bench.
        python: See `install_runtime`.
        engines: See `install_runtime`.
        wheels: See `install_runtime`.

    Returns:
        The result as JSON text.

    Raises:
        RemoteError: A step failed; the message is the last line that it printed.
    """
    with connect(host) as connection, connection.scratch_folder() as folder:
        programs = install_runtime(connection, folder, python, engines, wheels)
        return _bench(connection, folder, programs, bundle, data, words)


def _bench(
    connection: Connection, folder: str, programs: str, bundle: Path, data: Path | None, words: Sequence[str]
) -> bytes:
    """Copies the bundle, measures and fetches the result."""
    sources = [bundle.resolve(), *([data.resolve()] if data is not None else [])]
    connection.copy(sources, folder)
    copies = [f"{folder}/{source.name}" for source in sources]
    result = f"{folder}/{_RESULT}"
    options = ["--bundle", copies[0], "--json", result, "--progress", *(["--data", copies[1]] if data else [])]
    command = [f"{programs}/numbre-bench", *options, *words]
    number = shlex.quote(f"{folder}/process")
    try:
        connection.shell(f"echo $$ > {number} && exec {shlex.join(command)}", show=True)
    except BaseException:
        # Closing the connection does not end what runs there; its measuring child ends with it.
        connection.shell(f"kill $(cat {number}) 2>/dev/null; true")
        raise
    return connection.fetch(result)
