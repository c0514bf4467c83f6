"""numbre-deploy against a real sshd on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from conftest import NUMBRE_BUNDLE, Run
from deploy_boards import DeployBoard, deploy_board, free_port, snapshot, system_packages
from numbre_runtime.bundle import ALLOWED_SIGNERS, MANIFEST, MODELS, SIGNATURE, read_bundle
from numbre_runtime.deploy import release_check
from numbre_runtime.deploy.board_session import MissedBoundError
from numbre_runtime.deploy.deployment import Deployed, deploy
from numbre_runtime.deploy.service_unit import ServiceUnit
from numbre_runtime.remote.ssh import RemoteError
from numbre_runtime.signature import NAMESPACE, sign_manifest
from running import image_request, wait_until

DIGITS = MODELS / "digits-int8"
First = tuple[DeployBoard, Deployed]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that every board has by itself."""
    return system_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[First]:
    """A board on which numbre-int8 was deployed from nothing, and how that went; tests leave it as it is."""
    with deploy_board(tmp_path_factory.mktemp("first"), packages) as board:
        yield board, deploy(board.destination, NUMBRE_BUNDLE, board.wishes)


@pytest.fixture
def board(first: First, tmp_path: Path, packages: Path) -> Iterator[DeployBoard]:
    """A board of its own, with numbre-int8."""
    folder = tmp_path / "board"
    folder.mkdir()
    path = f"{folder}/home/bin:{os.environ['PATH']}"
    with deploy_board(folder, packages, PATH=path) as result:
        shutil.copytree(first[0].root, result.root, symlinks=True)
        yield result


def test_a_first_deployment_answers_and_running_it_again_changes_nothing(first: First, run_command: Run) -> None:
    board, done = first
    assert (done.changed, done.previous, board.current) == (True, None, "numbre-int8")
    assert done.figures["backend"].startswith("numpy")
    assert board.answers()
    before = snapshot(board.root)
    again = run_command(*board.words("numbre-int8"))
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == f"{board.host}: {done.release} is current, nothing to do\n"
    assert snapshot(board.root) == before


def test_a_changed_model_moves_its_own_bytes_and_there_is_a_way_back(
    board: DeployBoard, run_command: Run, tmp_path: Path
) -> None:
    report, page = tmp_path / "r.json", tmp_path / "r.html"
    done = run_command(*board.words("digits-int8", "--json", report, "--report", page))
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json.loads(report.read_text())["boards"]
    size = sum(path.stat().st_size for path in (DIGITS).iterdir())
    assert 0 < found["sent_bytes"] <= 1.1 * size
    assert "1 deployed" in page.read_text()
    assert board.current == "digits-int8"

    older = run_command(*board.words("numbre-int8"))
    assert older.returncode == 3
    assert "--allow-downgrade" in older.stdout
    back = run_command("numbre-deploy", "rollback", board.host, *board.reach)
    assert (back.returncode, back.stderr) == (0, "")
    assert board.current == "numbre-int8"
    assert board.answers()
    status = json.loads(run_command("numbre-deploy", "status", board.host, *board.reach, "--json").stdout)
    assert status["releases"][status["previous"]]["name"] == "digits-int8"
    history = run_command("numbre-deploy", "history", board.host, *board.reach).stdout.splitlines()
    assert [line.split()[2] for line in history if line.endswith(": done")] == ["deploy", "deploy", "rollback"]
    removed = run_command("numbre-deploy", "remove", board.host, *board.reach)
    assert (removed.returncode, removed.stdout) == (0, f"{board.host}: removed\n")
    assert not board.root.exists()


def test_what_misses_a_bound_is_not_switched_to_and_what_is_damaged_is_sent_again(
    board: DeployBoard, run_command: Run
) -> None:
    done = run_command(*board.words("digits-int8", "--max-p99=1us"))
    assert (done.returncode, done.stderr) == (3, "")
    assert re.search(rf"^{board.host}: missed a bound: p99 is [0-9.,]+ µs, at most 1.0 µs are allowed$", done.stdout)
    assert board.current == "numbre-int8"
    (refused,) = [path for path in (board.root / "releases").iterdir() if not (path / "questions.json").exists()]
    shutil.rmtree(refused)
    (golden,) = [path for path in (board.root / "files").iterdir() if path.name == _sha256(DIGITS / "golden.npz")]
    golden.unlink()
    golden.write_bytes(b"damaged")
    with pytest.raises(RemoteError, match="arrived damaged or was altered"):
        deploy(board.destination, DIGITS, board.wishes)
    assert deploy(board.destination, DIGITS, board.wishes).sent_bytes == (DIGITS / "golden.npz").stat().st_size
    assert board.current == "digits-int8"
    assert board.answers()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-p99-us=0.1"], "p99 is "),
        (["--max-rss-bytes=1e6"], "memory is "),
        (["--min-accuracy=1"], "no test data"),
    ],
)
def test_the_check_names_figure_and_bound(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert release_check.main([str(MODELS / "numbre-int8"), "--backend=numpy", *options]) == 3
    printed, errors = capsys.readouterr()
    assert (printed, errors.count("\n")) == ("", 1)
    assert words in errors


def test_boards_that_are_off_or_have_no_python_are_one_line(board: DeployBoard, run_command: Run) -> None:
    off = ["--ssh-option=Port=1", *board.reach]
    done = run_command("numbre-deploy", "numbre-int8", board.host, *off)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (2, "", 1)
    assert done.stdout.startswith(f"{board.host}: off: ")
    done = run_command("numbre-deploy", "status", board.host, *board.reach, "--python", "/no/such/python")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "/no/such/python" in done.stderr


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def systemctl(board: DeployBoard) -> Iterator[Path]:
    """Puts a systemctl on the board that starts services of its own."""
    program = board.reached.home / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_systemctl.py")} "$@"\n')
    program.chmod(0o755)
    state = board.reached.home / "systemd-state"
    yield state
    for path in state.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(path.read_text()), signal.SIGKILL)


class Client:
    """Asks a service a hundred times a second, from a thread, and counts the answers."""

    def __init__(self, port: int, model: str) -> None:
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self._url = f"http://127.0.0.1:{port}/v2/models/{model}/infer"
        self._body = json.dumps(image_request(np.zeros((28, 28), np.uint8)))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as client:
            due = time.monotonic()
            while not self._stop.is_set():
                try:
                    response = client.post(self._url, content=self._body, headers={"Content-Type": "application/json"})
                    response.raise_for_status()
                    self.answered[response.json()["model_version"]] += 1
                except httpx.HTTPError as cause:
                    self.lost.append(repr(cause))
                due += 0.01
                time.sleep(max(0.0, due - time.monotonic()))

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_client_loses_no_answer_while_its_service_gets_another_release_and_the_old_one_back(
    board: DeployBoard, systemctl: Path, run_command: Run
) -> None:
    port = free_port()
    wishes = board.wishes._replace(service=ServiceUnit("user", port=port, model="digits"))
    assert not deploy(board.destination, NUMBRE_BUNDLE, wishes).changed
    assert (systemctl / "calls").read_text().splitlines() == [
        "daemon-reload",
        "stop numbre.socket numbre.service",
        "enable numbre.socket numbre.service",
    ]
    with Client(port, "digits") as client:
        wait_until(lambda: client.answered.total() > 20)
        done = deploy(board.destination, DIGITS, wishes)
        wait_until(lambda: len(client.answered) == 2)
        back = run_command("numbre-deploy", "rollback", board.host, *board.reach)
        count = client.answered[read_bundle(NUMBRE_BUNDLE).version]
        wait_until(lambda: client.answered[read_bundle(NUMBRE_BUNDLE).version] > count + 20)
    assert (done.changed, back.returncode, client.lost) == (True, 0, [])
    assert set(client.answered) == {read_bundle(path).version for path in (NUMBRE_BUNDLE, DIGITS)}
    assert board.current == "numbre-int8"
    assert run_command("numbre-deploy", "remove", board.host, *board.reach).returncode == 0
    assert not list((board.reached.home / ".config/systemd/user").iterdir())


def test_the_service_of_a_signed_release_loads_nothing_else_and_that_of_an_unsigned_one_still_does(
    board: DeployBoard, systemctl: Path, run_command: Run, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers = f'ana@example.org namespaces="{NAMESPACE}" {key.with_suffix(".pub").read_text()}'
    signed = shutil.copytree(DIGITS, tmp_path / "signed")
    (signed / SIGNATURE).write_bytes(sign_manifest((signed / MANIFEST).read_bytes(), key))
    wishes = board.wishes._replace(service=ServiceUnit("user", port=free_port(), model="digits"))

    def demanded() -> bool:
        number = (systemctl / "numbre.pid").read_text()
        return f"{ALLOWED_SIGNERS}={board.root}/current/" in Path(f"/proc/{number}/environ").read_text()

    deploy(board.destination, NUMBRE_BUNDLE, wishes)
    assert not demanded()
    assert deploy(board.destination, signed, wishes._replace(signers=signers)).changed
    assert demanded()
    assert run_command("numbre-deploy", "rollback", board.host, *board.reach).returncode == 0
    assert (demanded(), board.current) == (False, "numbre-int8")


def test_a_service_that_answers_wrongly_or_never_gets_ready_is_taken_back(board: DeployBoard) -> None:
    link = board.root / "current"
    wrong = read_bundle(DIGITS).version

    class Stub(BaseHTTPRequestHandler):
        """Serves what `current` says, and takes every digit for a 5 once it is the new bundle."""

        def do_GET(self) -> None:
            self._send({"versions": [json.loads((link / "questions.json").read_text())["version"]]})

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            expected = json.loads((link / "questions.json").read_text())
            labels = {json.dumps(entry["request"]).encode(): entry["label"] for entry in expected["questions"]}
            label = "none of them" if expected["version"] == wrong else labels[asked]
            self._send({"outputs": [{"name": "label", "data": [label]}]})

        def _send(self, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        wishes = board.wishes._replace(port=server.server_address[1])
        with pytest.raises(MissedBoundError, match=r"to a golden vector, not '.*'; the board is back at") as missed:
            deploy(board.destination, DIGITS, wishes)
    finally:
        server.shutdown()
        server.server_close()
    taken = re.search(r"after ([0-9.]+) s$", str(missed.value))
    assert taken is not None
    assert float(taken[1]) < 5
    assert board.current == "numbre-int8"

    silent = board.wishes._replace(port=free_port(), timeout=0.5)
    with pytest.raises(
        MissedBoundError, match=r"is not ready with .* within 0.5 s: it does not answer; the board is back"
    ):
        deploy(board.destination, DIGITS, silent)
    assert board.current == "numbre-int8"
    assert board.answers()
