"""A board that is this machine: a real sshd on loopback with keys, a port and a home of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
_SEPARATION = Path("/run/sshd")
"""Where sshd, if root starts it, confines what speaks with strangers."""


@dataclass(frozen=True)
class LoopbackBoard:
    """How it is reached, and its home directory."""

    host: str
    options: tuple[str, ...]
    home: Path

    @property
    def port(self) -> int:
        """Where its sshd listens."""
        return int(self.options[0].removeprefix("Port="))


@contextmanager
def loopback_board(
    folder: Path, environment: Mapping[str, str] | None = None, home: Path | None = None, settings: Sequence[str] = ()
) -> Iterator[LoopbackBoard]:
    """Starts an sshd that lets only a new key in.

    Args:
        folder: An empty folder for keys and configuration.
        environment: Variables of what it starts.
        home: What it starts has this home directory; None makes a new one.
        settings: Further lines for sshd_config.
    """
    if _SSHD is None or shutil.which("ssh") is None:
        pytest.skip("needs sshd and ssh (Debian: openssh-server, openssh-client)")
    home = folder / "home" if home is None else home
    home.mkdir(exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public}")
    variables = " ".join(f'"{name}={value}"' for name, value in {"HOME": str(home), **(environment or {})}.items())
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        f"Subsystem sftp internal-sftp\nSetEnv {variables}\n" + "".join(f"{line}\n" for line in settings)
    )
    if os.getuid() == 0:
        # It stays, as after a start of the system's own sshd: another test's sshd may have begun to need it.
        _SEPARATION.mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([_SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        _wait(port, process, folder / "log")
        options = (f"Port={port}", f"IdentityFile={folder}/user", f"UserKnownHostsFile={folder}/known",
                   "IdentitiesOnly=yes", "BatchMode=yes")  # fmt: skip
        yield LoopbackBoard(f"{getpass.getuser()}@127.0.0.1", options, home)
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {log.read_text().strip()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not answer")
