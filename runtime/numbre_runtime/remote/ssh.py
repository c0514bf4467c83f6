"""One connection to a board, over the user's own ssh and scp with their keys and configuration."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from numbre_runtime.errors import NumbreError


class RemoteError(NumbreError, RuntimeError):
    """A board cannot be reached, or a command failed there."""


class Host(NamedTuple):
    """How ssh reaches a board."""

    name: str
    """The destination as ssh takes it, "pi@raspberrypi.local"."""
    options: tuple[str, ...] = ()
    """Options as for `ssh -o`, "Port=2222"."""


class Connection:
    """A connection that all commands and copies share, so that a password is asked for once."""

    def __init__(self, host: Host, directory: Path) -> None:
        self.host, self.directory = host, directory
        options = [*host.options, "ControlMaster=auto", f"ControlPath={directory}/c", "ControlPersist=60"]
        self._options = [word for option in options for word in ("-o", option)]

    def shell(self, command: str, show: bool = False) -> str:
        """Runs a shell command on the board.

        Args:
            command: One line for the board's shell; the caller quotes what needs it.
            show: Whether the board's standard error goes to this process's.

        Returns:
            The command's standard output.

        Raises:
            RemoteError: The board cannot be reached, or the command ended with another exit code than 0.
        """
        return _run(["ssh", *self._options, self.host.name, command], self.host.name, show)

    def copy(self, sources: Sequence[Path], folder: str) -> None:
        """Copies files and folders of this machine into a folder on the board."""
        target = f"{self.host.name}:{folder}/"
        _run(["scp", "-q", "-r", *self._options, *map(str, sources), target], self.host.name, show=False)

    def fetch(self, path: str) -> bytes:
        """The content of a file on the board."""
        here = self.directory / "fetched"
        _run(["scp", "-q", *self._options, f"{self.host.name}:{path}", str(here)], self.host.name, show=False)
        return here.read_bytes()

    @contextmanager
    def scratch_folder(self) -> Iterator[str]:
        """Makes a folder in the board's home directory, and removes it whatever happens."""
        # In the home directory, because /tmp may be small or closed to programs.
        name = self.shell('mktemp -d "$HOME/.numbre.XXXXXXXX"').strip()
        if not name.startswith("/"):
            raise RemoteError(f"{self.host.name} answers {name[:80]!r} where a folder's name was expected")
        try:
            yield name
        finally:
            # After an interruption something may still write there, until it finds that its folder is gone.
            quoted = shlex.quote(name)
            self.shell(
                f"for turn in 1 2 3 4; do rm -rf {quoted} && sleep 0.2 && [ ! -e {quoted} ] && break; sleep 1; done"
            )

    def close(self) -> None:
        """Ends the shared connection; an unreachable board is no error here."""
        subprocess.run(
            ["ssh", "-O", "exit", *self._options, self.host.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def check_client(host: Host) -> None:
    """Makes sure that ssh can be called for a host.

    Raises:
        RemoteError: The name is no host, or OpenSSH's client is missing here.
    """
    if host.name.startswith("-") or not host.name:
        raise RemoteError(f"'{host.name}' is no host; expected one as for ssh, pi@raspberrypi.local")
    missing = [name for name in ("ssh", "scp") if shutil.which(name) is None]
    if missing:
        raise RemoteError(f"the program {missing[0]} is missing; install OpenSSH's client (Debian: openssh-client)")


@contextmanager
def connect(host: Host) -> Iterator[Connection]:
    """Gives a connection to a board, and closes it at the end.

    Raises:
        RemoteError: See `check_client`.
    """
    check_client(host)
    with tempfile.TemporaryDirectory(prefix="nb") as directory:
        connection = Connection(host, Path(directory))
        try:
            yield connection
        finally:
            connection.close()


def _run(command: list[str], host: str, show: bool) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        lines = (done.stderr or done.stdout or b"").decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"{command[0]} ended with exit code {done.returncode}"
        raise RemoteError(f"{host}: {reason}")
    return done.stdout.decode(errors="replace")
