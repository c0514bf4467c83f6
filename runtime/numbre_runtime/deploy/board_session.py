"""A conversation with the program that runs on the board, see `board_script`: one ssh process, nothing left behind."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from numbre_runtime.deploy.board_script import MARK, PROTOCOL
from numbre_runtime.errors import NumbreError
from numbre_runtime.remote.ssh import Host, RemoteError, check_client
from numbre_runtime.strict_json import parse_json

_LONGEST_ANSWER = 4 << 20
_MOST_GREETING_LINES = 1000
_CHUNK = 1 << 18
_SSH_FAILED = 255
"""ssh's own exit code where it cannot connect, or loses its connection."""
_PATIENCE = ("ConnectTimeout=10", "ServerAliveInterval=10", "ServerAliveCountMax=3")


class UnreachableError(RemoteError):
    """A board is off, or the connection to it was lost."""


class MissedBoundError(NumbreError, RuntimeError):
    """A release that fails a check on a board, or misses a bound there."""

    exit_code = 3


class BoardFacts(NamedTuple):
    """What a board says of itself."""

    python: str
    """Its Python's version."""
    machine: str
    """What its kernel calls the processor, "aarch64"."""
    bits: int
    """64 or 32: its Python's width."""
    glibc: str
    """The version of its C library; empty if it has another."""
    folder: str
    """The folder of releases, absolute."""
    user: int
    """Its user's number; 0 is root."""


class BoardSession:
    """One board's program, as long as `board_session` gives it."""

    def __init__(self, host: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self.host = host
        self.sent_bytes = 0
        """Bytes of files that were sent."""
        self._process, self._errors = process, errors
        self._requests, self._answers = process.stdin, process.stdout
        self.facts = self._greeting()

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Has the board do a step.

        Args:
            verb: A method of `board_script.BoardFolder`.
            arguments: Its arguments.

        Raises:
            MissedBoundError: A check failed there.
            RemoteError: The board refuses, or cannot.
            UnreachableError: The connection is lost.
        """
        self._write(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        return self._answer()

    def send(self, content: bytes, digest: str, offset: int, told: Callable[[int], None]) -> None:
        """Sends a file from `offset` on.

        Args:
            content: The whole file.
            digest: Its SHA-256.
            offset: Bytes of it that the board has.
            told: Called with the number of bytes of each part that was sent.

        Raises:
            RemoteError: See `ask`.
        """
        request = {"verb": "receive", "digest": digest, "size": len(content), "offset": offset}
        # A disk that is full ends the transfer early; the answer says so.
        with suppress(UnreachableError):
            self._write(json.dumps(request).encode() + b"\n")
            for start in range(offset, len(content), _CHUNK):
                part = content[start : start + _CHUNK]
                self._write(part)
                self.sent_bytes += len(part)
                told(len(part))
        self._answer()

    def _write(self, content: bytes) -> None:
        try:
            self._requests.write(content)
            self._requests.flush()
        except OSError as cause:
            raise self._lost() from cause

    def _greeting(self) -> BoardFacts:
        """Reads over what the board's shell prints by itself."""
        for _ in range(_MOST_GREETING_LINES):
            line = self._line()
            if line.startswith(MARK.encode()):
                found = self._parse(line[len(MARK) :])
                if found.pop("protocol", None) != PROTOCOL:
                    break
                return BoardFacts(**{name: type_(found[name]) for name, type_ in _FACT_TYPES.items()})
        raise RemoteError(f"{self.host}: answers with something else than the program that was sent there")

    def _answer(self) -> dict[str, Any]:
        found = self._parse(self._line())
        if "missed" in found:
            raise MissedBoundError(f"{self.host}: {found['missed']}")
        if not isinstance(found.get("done"), dict):
            raise RemoteError(f"{self.host}: {found.get('refused', 'gives no answer')}")
        result: dict[str, Any] = found["done"]
        return result

    def _line(self) -> bytes:
        line = self._answers.readline(_LONGEST_ANSWER)
        if not line.endswith(b"\n"):
            raise self._lost()
        return line

    def _parse(self, line: bytes) -> dict[str, Any]:
        found = parse_json(line, f"{self.host}: its answer", RemoteError)
        if not isinstance(found, dict):
            raise RemoteError(f"{self.host}: its answer is no JSON object")
        return found

    def _lost(self) -> RemoteError:
        """The error of a connection that has ended, with the reason that ssh or the board's shell gave."""
        with suppress(OSError):
            self._requests.close()
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read(1 << 16).decode(errors="replace").splitlines() if line.strip()]
        reason = lines[-1] if lines else "the connection ended"
        kind = UnreachableError if code == _SSH_FAILED or code < 0 or not lines else RemoteError
        return kind(f"{self.host}: {reason}")


_FACT_TYPES: dict[str, type] = {"python": str, "machine": str, "bits": int, "glibc": str, "folder": str, "user": int}


@contextmanager
def board_session(host: Host, folder: str, python: str = "python3") -> Iterator[BoardSession]:
    """Starts the board's program over ssh, and ends it.

    Args:
        host: The board.
        folder: The folder of releases there, "~/.local/share/numbre".
        python: The board's Python interpreter, 3.11 or newer.

    Raises:
        UnreachableError: It does not answer.
        RemoteError: It has no such Python, or ssh is missing here.
    """
    check_client(host)
    script = Path(__file__).with_name("board_script.py").read_bytes()
    # Read from the very stream that the requests come on, so that nothing is written on the board.
    start = (
        "import sys;"
        "sys.version_info<(3,11)and sys.exit('its Python is '+sys.version.split()[0]+'; 3.11 or newer is needed');"
        f"exec(compile(sys.stdin.buffer.read({len(script)}),'numbre-deploy','exec'));"
        f"serve_requests({folder!r},sys.stdin.buffer)"
    )
    options = [word for option in (*host.options, *_PATIENCE) for word in ("-o", option)]
    command = ["ssh", *options, host.name, shlex.join([python, "-c", start])]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            assert process.stdin is not None  # noqa: S101
            with suppress(OSError):
                process.stdin.write(script)
                process.stdin.flush()
            yield BoardSession(host.name, process, errors)
        finally:
            with suppress(OSError):
                process.stdin and process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
