"""Stands for systemctl on a board of the tests: starts and stops what a user's unit says, with its socket.

`board_script` calls it with `daemon-reload`, `stop`, `enable --now`, `restart` and `disable --now`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_UNITS = Path.home() / ".config/systemd/user"
_STATE = Path.home() / "systemd-state"


def main() -> None:
    """Does one command."""
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    _STATE.mkdir(exist_ok=True)
    with (_STATE / "calls").open("a") as calls:
        calls.write(" ".join(words) + "\n")
    command, names = words[0], [word.removesuffix(".service") for word in words[1:] if word.endswith(".service")]
    for name in names:
        if command in ("restart", "disable", "stop"):
            _stop(name)
        if command in ("enable", "restart") and not _alive(name):
            _start(name)


def _alive(name: str) -> bool:
    with suppress(OSError, ValueError):
        number = int((_STATE / f"{name}.pid").read_text())
        os.kill(number, 0)
        return "Z" not in Path(f"/proc/{number}/stat").read_text().split(")")[1][:3]
    return False


def _start(name: str) -> None:
    unit = (_UNITS / f"{name}.service").read_text()
    address, port = re.findall(r"ListenStream=(.*):(\d+)", (_UNITS / f"{name}.socket").read_text())[0]
    words = re.findall(r"ExecStart=(.*)", unit)[0].split()
    environment = dict(os.environ)
    for settings in map(Path, re.findall(r"EnvironmentFile=-(.*)", unit)):
        if settings.is_file():
            for line in settings.read_text().splitlines():
                variable, _, value = line.partition("=")
                environment[variable] = value
    with (_STATE / "log").open("a") as log:
        for _ in range(100):
            with suppress(OSError), socket.create_server((address, int(port))) as probe:
                probe.close()
                break
            time.sleep(0.05)
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
        )
    (_STATE / f"{name}.pid").write_text(str(process.pid))


def _stop(name: str) -> None:
    with suppress(OSError, ValueError):
        number = int((_STATE / f"{name}.pid").read_text())
        os.kill(number, signal.SIGTERM)
        for _ in range(500):
            if not _alive(name):
                break
            time.sleep(0.02)


main()
