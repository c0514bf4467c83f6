"""numbre-deploy to boards that are full, read-only, without venv, slow, or lose the link: one line, no harm."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from conftest import NUMBRE_BUNDLE, Run
from deploy_boards import DeployBoard, deploy_board, system_packages
from numbre_runtime.bundle import MODELS
from numbre_runtime.deploy.deployment import deploy

_DIGITS = MODELS / "digits-int8"
_PORT = "--ssh-option=Port="


@pytest.fixture(scope="module")
def board_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that every board has by itself."""
    return system_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory, board_packages: Path) -> Path:
    """A folder of releases with numbre-int8 to copy from."""
    with deploy_board(tmp_path_factory.mktemp("pattern"), board_packages) as board:
        deploy(board.destination, NUMBRE_BUNDLE, board.wishes)
        return board.root


@contextmanager
def _mounted(home: Path) -> Iterator[Callable[[str], None]]:
    """A small file system of its own; gives a function that changes its mount options."""

    def mount(options: str, *kind: str) -> None:
        subprocess.run(["mount", *kind, "-o", options, home], check=True, capture_output=True)

    home.mkdir(parents=True)
    try:
        mount("size=64m", "-t", "tmpfs", "tmpfs")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)


@contextmanager
def _link(board: DeployBoard, delay: float = 0.0, most: int | None = None) -> Iterator[str]:
    """A link in front of the board's sshd that waits before each part, or breaks after `most` bytes; gives its port."""
    port = board.reached.port
    opened: list[socket.socket] = []

    def carry(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while part := source.recv(1 << 15):
                time.sleep(delay)
                passed += len(part)
                if limit is not None and passed > limit:
                    break
                target.sendall(part)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def listen() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                opened.extend([client, server])
                for ends in ((client, server, most), (server, client, None)):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        yield str(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    for end in opened:
        end.close()


def _through(board: DeployBoard, port: str, words: list[object]) -> list[object]:
    """A command that goes through a link; ssh takes the first of two ports."""
    alias = f"--ssh-option=HostKeyAlias=[127.0.0.1]:{board.reached.port}"
    return [words[0], words[1], f"{_PORT}{port}", alias, *words[2:]]


def _refused(board: DeployBoard, run_command: Run, command: list[object], code: int = 2) -> str:
    """Runs a command that must fail with one line and leave the working release; gives the line."""
    done = run_command(*command)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (code, "", 1)
    assert done.stdout.startswith(f"{board.host}: ")
    assert board.current == "numbre-int8"
    assert board.answers()
    return str(done.stdout)


def _finishes(board: DeployBoard, run_command: Run) -> None:
    """The next run puts the new release there."""
    done = run_command(*board.words(_DIGITS))
    assert (done.returncode, done.stderr, board.current) == (0, "", "digits-int8")
    assert board.answers()


@pytest.fixture
def board(tmp_path: Path, board_packages: Path, releases: Path) -> Iterator[DeployBoard]:
    """A board with numbre-int8."""
    with deploy_board(tmp_path, board_packages) as result:
        shutil.copytree(releases, result.root, symlinks=True)
        yield result


def test_a_full_and_a_read_only_home(tmp_path: Path, board_packages: Path, releases: Path, run_command: Run) -> None:
    with _mounted(tmp_path / "home") as mount, deploy_board(tmp_path, board_packages) as board:
        shutil.copytree(releases, board.root, symlinks=True)
        filler = board.reached.home / "pictures"
        filler.write_bytes(bytes(shutil.disk_usage(board.root).free - 100_000))
        assert "free" in _refused(board, run_command, board.words(_DIGITS), code=3)
        filler.unlink()
        mount("remount,ro")
        assert "Read-only file system" in _refused(board, run_command, board.words(_DIGITS))
        mount("remount,rw")
        _finishes(board, run_command)


def test_a_python_without_venv(tmp_path: Path, board_packages: Path, releases: Path, run_command: Run) -> None:
    shim = tmp_path / "shim"
    shim.mkdir()
    hidden = shim / "venv.py"
    hidden.write_text("raise ModuleNotFoundError(\"No module named 'venv'\")\n")
    with deploy_board(tmp_path, board_packages, PYTHONPATH=f"{shim}{os.pathsep}{board_packages}") as board:
        shutil.copytree(releases, board.root, symlinks=True)
        # Another lock needs another environment.
        constraints = tmp_path / "constraints"
        constraints.write_text("# none\n")
        command = board.words(_DIGITS, "--constraints", constraints)
        assert "sudo apt install python3-venv" in _refused(board, run_command, command)
        hidden.unlink()
        assert run_command(*command).returncode == 0
        assert board.current == "digits-int8"
        assert board.answers()


def test_a_link_that_breaks_is_taken_up_where_it_broke(board: DeployBoard, run_command: Run, tmp_path: Path) -> None:
    size = sum(path.stat().st_size for path in _DIGITS.iterdir())
    with _link(board, most=100_000) as port:
        line = _refused(board, run_command, _through(board, port, board.words(_DIGITS)))
    assert line.startswith(f"{board.host}: off: ")
    report = tmp_path / "report.json"
    assert run_command(*board.words(_DIGITS, "--json", report)).returncode == 0
    (found,) = json.loads(report.read_text())["boards"]
    assert 0 < found["sent_bytes"] < size
    assert (board.current, board.answers()) == ("digits-int8", True)


def test_a_slow_link(board: DeployBoard, run_command: Run) -> None:
    with _link(board, delay=0.05) as port:
        done = run_command(*_through(board, port, board.words(_DIGITS)))
    assert (done.returncode, done.stderr, board.current) == (0, "", "digits-int8")
