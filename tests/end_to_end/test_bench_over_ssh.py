"""numbre-bench --ssh against a real sshd on loopback, with keys, a port and a home of its own."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Run
from loopback_board import LoopbackBoard, loopback_board
from numbre_runtime.remote.wheel import runtime_wheel


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackBoard]:
    """An sshd with a home of its own."""
    with loopback_board(tmp_path_factory.mktemp("ssh")) as board:
        yield board


def _words(server: LoopbackBoard, *more: str) -> list[str]:
    return ["numbre-bench", "--ssh", server.host, *(f"--ssh-option={option}" for option in server.options),
            "--ssh-python", sys.executable, "--threads", "1", "--samples", "50", "--rounds", "1", *more]  # fmt: skip


def _left(server: LoopbackBoard) -> list[str]:
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
def test_a_board_is_measured_and_left_as_it_was(server: LoopbackBoard, run_command: Run, tmp_path: Path) -> None:
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


def test_a_failing_step_is_one_line_and_leaves_nothing(server: LoopbackBoard, run_command: Run, tmp_path: Path) -> None:
    empty = tmp_path / "wheels"
    empty.mkdir()
    done = run_command(*_words(server, "--ssh-wheels", str(empty)))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"numbre-bench: {server.host}: ERROR: ")
    assert len(done.stderr.splitlines()) == 1
    assert _left(server) == []


def test_ctrl_c_leaves_nothing(server: LoopbackBoard) -> None:
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
def test_ctrl_c_while_measuring_ends_what_runs_on_the_board(server: LoopbackBoard) -> None:
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


def test_a_board_without_python_is_one_line(server: LoopbackBoard, run_command: Run) -> None:
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
