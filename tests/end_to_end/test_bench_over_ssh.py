"""numbre-bench --ssh against a real sshd on loopback, with keys, a port and a home of its own."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Run
from numbre_runtime.remote.wheel import runtime_wheel

_SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
_SEPARATION = Path("/run/sshd")
"""Where sshd, if root starts it, confines what speaks with strangers."""


@dataclass(frozen=True)
class Server:
    """A board that is this machine."""

    host: str
    options: tuple[str, ...]
    home: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An sshd that lets only a new key in; what it starts has a new home directory."""
    if _SSHD is None or shutil.which("ssh") is None:
        pytest.skip("needs sshd and ssh (Debian: openssh-server, openssh-client)")
    folder = tmp_path_factory.mktemp("ssh")
    home = folder / "home"
    home.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public}")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        f"Subsystem sftp internal-sftp\nSetEnv HOME={home}\n"
    )
    made = os.getuid() == 0 and not _SEPARATION.exists()
    if made:
        _SEPARATION.mkdir(mode=0o755)
    process = subprocess.Popen([_SSHD, "-D", "-e", "-f", folder / "config"], stderr=(folder / "log").open("w"))
    try:
        _wait(port, process, folder / "log")
        options = (f"Port={port}", f"IdentityFile={folder}/user", f"UserKnownHostsFile={folder}/known",
                   "IdentitiesOnly=yes", "BatchMode=yes")  # fmt: skip
        yield Server(f"{getpass.getuser()}@127.0.0.1", options, home)
    finally:
        process.terminate()
        process.wait()
        if made:
            _SEPARATION.rmdir()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {log.read_text().strip()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not answer")


def _words(server: Server, *more: str) -> list[str]:
    return ["numbre-bench", "--ssh", server.host, *(f"--ssh-option={option}" for option in server.options),
            "--ssh-python", sys.executable, "--threads", "1", "--samples", "50", "--rounds", "1", *more]  # fmt: skip


def _left(server: Server) -> list[str]:
    return [path.name for path in server.home.iterdir() if path.name not in (".cache", ".config")]


def test_the_wheel_holds_every_file_of_the_runtime() -> None:
    import io

    import numbre_runtime

    name, content = runtime_wheel()
    assert name.startswith("numbre_runtime-")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        record = archive.read(next(entry for entry in names if entry.endswith("RECORD"))).decode()
    package = Path(numbre_runtime.__file__).parent
    files = {f"numbre_runtime/{path.relative_to(package).as_posix()}" for path in package.rglob("*") if path.is_file()
             and "__pycache__" not in path.parts}  # fmt: skip
    assert files <= names
    assert "numbre_runtime/bench/empty.tflite" in files
    assert {line.split(",")[0] for line in record.splitlines()} == names


@pytest.mark.slow
def test_a_board_is_measured_and_left_as_it_was(server: Server, run_command: Run, tmp_path: Path) -> None:
    done = run_command(*_words(server, "--ssh-engines", "litert,nosuch", "--json", str(tmp_path / "result.json")))
    assert done.returncode == 0, done.stderr
    assert "round 1 of 1: model.int8.tflite, litert, 1 thread" in done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert {row["engine"] for row in result["rows"]} >= {"litert", "numpy"}
    assert not [row for row in result["rows"] if "error" in row]
    assert result["board"]["model"]
    assert result["board"]["cpu_features"]
    assert "celsius" in result["board"]
    assert done.stdout.startswith("artifact")
    assert _left(server) == []


def test_a_failing_step_is_one_line_and_leaves_nothing(server: Server, run_command: Run, tmp_path: Path) -> None:
    empty = tmp_path / "wheels"
    empty.mkdir()
    done = run_command(*_words(server, "--ssh-wheels", str(empty)))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"numbre-bench: {server.host}: ERROR: ")
    assert len(done.stderr.splitlines()) == 1
    assert _left(server) == []


def test_ctrl_c_leaves_nothing(server: Server) -> None:
    program = Path(sys.executable).parent / "numbre-bench"
    process = subprocess.Popen(
        [program, *_words(server)[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(300):
        if any((server.home / name / "venv").exists() for name in _left(server)):
            break
        time.sleep(0.1)
    assert _left(server)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert (process.returncode, printed, errors) == (130, "", "numbre-bench: interrupted\n")
    assert _left(server) == []


@pytest.mark.slow
def test_ctrl_c_while_measuring_ends_what_runs_on_the_board(server: Server) -> None:
    program = Path(sys.executable).parent / "numbre-bench"
    words = [*_words(server)[1:], "--samples", "100000000", "--backend", "litert", "--ssh-engines", "litert"]
    process = subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("round 1 of 1: ")
    (folder,) = [server.home / name for name in _left(server)]
    number = int((folder / "process").read_text())
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert (process.returncode, printed) == (130, "")
    assert errors.endswith("numbre-bench: interrupted\n")
    assert not Path(f"/proc/{number}").exists()
    time.sleep(2)
    assert _left(server) == []


def test_a_board_without_python_is_one_line(server: Server, run_command: Run) -> None:
    done = run_command(*_words(server, "--ssh-python", "/no/such/python"))
    assert done.returncode == 2
    assert "/no/such/python" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert _left(server) == []


def test_a_board_that_does_not_answer_is_one_line(run_command: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if shutil.which("ssh") is None:
        pytest.skip("needs ssh (Debian: openssh-client)")
    done = run_command("numbre-bench", "--ssh", "127.0.0.1", "--ssh-option", f"Port={port}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Connection refused" in done.stderr
    assert len(done.stderr.splitlines()) == 1
