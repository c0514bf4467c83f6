"""The same measurement on a board of the user's own, over plain ssh and scp."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from numbre_runtime.errors import NumbreError
from numbre_runtime.remote.wheel import runtime_wheel

_RESULT = "result.json"


class RemoteError(NumbreError, RuntimeError):
    """A board that cannot be reached, or on which something failed."""


@dataclass(frozen=True)
class Board:
    """How to reach and use a board."""

    host: str
    """What ssh calls it, "pi@raspberrypi.local"."""
    options: tuple[str, ...]
    """Options as for `ssh -o`, "Port=2222"."""
    python: str
    """The board's Python interpreter."""
    engines: tuple[str, ...]
    """Extras of numbre-runtime to install there; one that cannot be had is left out."""
    wheels: Path | None
    """A folder of wheels to install from, for a board without a network."""


def measure_on(board: Board, bundle: Path, data: Path | None, words: Sequence[str]) -> bytes:
    """Installs the runtime on the board, measures there, and leaves nothing behind.

    Args:
        board: The board.
        bundle: The bundle's directory here.
        data: A file of test data here, if any.
        words: Further arguments for numbre-bench.

    Returns:
        The result as JSON text.

    Raises:
        RemoteError: A step failed; the message is the last line that it printed.
    """
    if board.host.startswith("-") or not board.host:
        raise RemoteError(f"'{board.host}' is no host; expected one as for ssh, pi@raspberrypi.local")
    missing = [name for name in ("ssh", "scp") if shutil.which(name) is None]
    if missing:
        raise RemoteError(f"--ssh needs the program {missing[0]}; install OpenSSH's client (Debian: openssh-client)")
    with tempfile.TemporaryDirectory(prefix="nb") as directory, _Link(board, Path(directory)).folder() as place:
        place.install()
        return place.bench(bundle, data, words)


class _Link:
    """One connection, so that a password is asked for once."""

    def __init__(self, board: Board, directory: Path) -> None:
        self.board, self.directory = board, directory
        options = [*board.options, "ControlMaster=auto", f"ControlPath={directory}/c", "ControlPersist=60"]
        self._options = [word for option in options for word in ("-o", option)]

    @contextmanager
    def folder(self) -> Iterator[_Place]:
        """A new folder on the board, removed whatever happens."""
        # In the home directory, for /tmp may be small or closed to programs.
        name = self.shell('mktemp -d "$HOME/.numbre-bench.XXXXXXXX"').strip()
        if not name.startswith("/"):
            raise RemoteError(f"{self.board.host} answers {name[:80]!r} where a folder's name was expected")
        try:
            yield _Place(self, name)
        finally:
            # After an interruption something may still be writing there, until it finds that its folder is gone.
            quoted = shlex.quote(name)
            self.shell(
                f"for turn in 1 2 3 4; do rm -rf {quoted} && sleep 0.2 && [ ! -e {quoted} ] && break; sleep 1; done"
            )
            self.call(["ssh", "-O", "exit"], [], quiet=True)

    def shell(self, command: str, show: bool = False) -> str:
        """Runs a command on the board and returns what it printed."""
        return self.call(["ssh"], [command], show=show)

    def call(self, program: list[str], words: list[str], show: bool = False, quiet: bool = False) -> str:
        """Runs ssh with this connection's options."""
        command = [*program, *self._options, self.board.host, *words]
        return _run(command, self.board.host, show, quiet)

    def copy(self, sources: Sequence[Path], folder: str) -> None:
        """Copies files and folders to the board."""
        target = f"{self.board.host}:{folder}/"
        _run(["scp", "-q", "-r", *self._options, *map(str, sources), target], self.board.host, show=False)

    def fetch(self, path: str) -> bytes:
        """A file of the board."""
        here = self.directory / "fetched"
        _run(["scp", "-q", *self._options, f"{self.board.host}:{path}", str(here)], self.board.host, show=False)
        return here.read_bytes()


class _Place:
    """A folder on the board, with an environment in it."""

    def __init__(self, link: _Link, folder: str) -> None:
        self._link, self._folder = link, folder

    def install(self) -> None:
        """Makes a virtual environment with the runtime and the engines that can be had."""
        board, link, quoted = self._link.board, self._link, shlex.quote(self._folder)
        name, content = runtime_wheel()
        wheel = link.directory / name
        wheel.write_bytes(content)
        link.copy([wheel], self._folder)
        source = ""
        if board.wheels is not None:
            link.copy([board.wheels.resolve()], self._folder)
            source = f"--no-index --find-links {quoted}/{shlex.quote(board.wheels.resolve().name)} "
        # On 32-bit boards NumPy and Pillow are the system's own, there are no wheels.
        link.shell(f"{shlex.quote(board.python)} -m venv --system-site-packages {quoted}/venv")
        pip = f"{quoted}/venv/bin/python -m pip install --quiet --disable-pip-version-check {source}"
        link.shell(f"{pip}{quoted}/{shlex.quote(name)}")
        for engine in board.engines:
            try:
                link.shell(f"{pip}{shlex.quote(f'{self._folder}/{name}[{engine}]')}")
            except RemoteError as cause:
                warnings.warn(f"measured without {engine}: {cause}", stacklevel=2)

    def bench(self, bundle: Path, data: Path | None, words: Sequence[str]) -> bytes:
        """Copies the bundle, measures and brings the result back."""
        sources = [bundle.resolve(), *([data.resolve()] if data is not None else [])]
        self._link.copy(sources, self._folder)
        copies = [f"{self._folder}/{source.name}" for source in sources]
        result = f"{self._folder}/{_RESULT}"
        options = ["--bundle", copies[0], "--json", result, "--progress", *(["--data", copies[1]] if data else [])]
        command = [f"{self._folder}/venv/bin/numbre-bench", *options, *words]
        number = shlex.quote(f"{self._folder}/process")
        try:
            self._link.shell(f"echo $$ > {number} && exec {shlex.join(command)}", show=True)
        except BaseException:
            # Closing the connection does not end what runs there; its measuring child ends with it.
            self._link.shell(f"kill $(cat {number}) 2>/dev/null; true")
            raise
        return self._link.fetch(result)


def _run(command: list[str], host: str, show: bool, quiet: bool = False) -> str:
    """Runs a program, lets its standard error through if it shall be shown, and returns its standard output.

    Raises:
        RemoteError: It ended with another exit code than 0.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        check=False,
    )
    if done.returncode and not quiet:
        lines = (done.stderr or done.stdout or b"").decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"{command[0]} ended with exit code {done.returncode}"
        raise RemoteError(f"{host}: {reason}")
    return done.stdout.decode(errors="replace")
