"""The command as a process: its start, its signals, bundles that are replaced under it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from conftest import Run
from running import DIGITS, NUMBRE, command, copy_of, image_request, outputs_of, running, wait_until

IMAGE = np.zeros((28, 28), np.uint8)


def _infer(url: str, name: str) -> str:
    return f"{url}v2/models/{name}/infer"


def test_it_serves_what_ships_and_ends_with_0_though_a_connection_is_open() -> None:
    with command() as (url, process):
        models = httpx.get(f"{url}models").json()["models"]
        assert models[0]["name"] == DIGITS
        with httpx.Client() as idle:
            idle.get(f"{url}v2")
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_ctrl_c_ends_it_with_130() -> None:
    with command("--bundle", NUMBRE) as (_, process):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_a_request_under_way_at_sigterm_is_answered_and_a_second_signal_ends_it_now() -> None:
    body = json.dumps(image_request(IMAGE)).encode()
    for second in (False, True):
        with command("--bundle", NUMBRE) as (url, process):
            host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
            with socket.create_connection((host, int(port))) as client:
                head = f"POST /v2/models/{NUMBRE}/infer HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-10])
                time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
                time.sleep(0.5)
                assert process.poll() is None
                with pytest.raises(httpx.ConnectError):
                    httpx.get(f"{url}v2/health/ready")
                if second:
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(2) == 128 + signal.SIGTERM
                    continue
                client.sendall(body[-10:])
                assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
            assert process.wait(5) == 0


def test_a_port_in_use_is_one_line(run_command: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_command("numbre-serve", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"numbre-serve: 127.0.0.1:{port} cannot be used (")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bundle", "nowhere"], "nowhere"),
        (["--bundle", f"a b={NUMBRE}"], "expected letters"),
        (["--bundle", NUMBRE, "--bundle", NUMBRE], "two bundles of the name"),
        (["--port", "70000"], "expected 0 to 65535"),
        (["--queue", "0"], "expected 1 to"),
        (["--threads", "0", "--port", "0"], "expected 1 to"),
        (["--host", "203.0.113.7"], "cannot be used"),
        (["--host", "no.such.host.invalid"], "cannot be used"),
    ],
)
def test_options_that_make_no_service_are_one_line(run_command: Run, words: list[str], message: str) -> None:
    done = run_command("numbre-serve", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_says_what_an_address_beyond_this_machine_means() -> None:
    with command("--bundle", NUMBRE, "--host", "0.0.0.0") as (_, process):  # noqa: S104 - it is what is tested
        assert process.stdout is not None
        assert "no password and no encryption" in process.stdout.readline()


def test_a_missing_extra_names_the_pip_line(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['starlette'] = None; from numbre_runtime.cli.serve import main"
    code = f"{hidden}; sys.exit(main(['--port', '0']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr == "numbre-serve: serving needs starlette; run: pip install 'numbre-runtime[serve]'\n"


def test_a_switched_link_is_noticed_and_no_request_is_lost(tmp_path: Path) -> None:
    first, second = copy_of(NUMBRE, tmp_path / "one"), copy_of(DIGITS, tmp_path / "two")
    link = tmp_path / "current"
    link.symlink_to(first)
    with command("--bundle", f"model={link}") as (url, process):
        versions: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client() as client:
                while not stop.is_set():
                    response = client.post(_infer(url, "model"), json=image_request(IMAGE))
                    outputs_of(response)
                    versions.append(response.json()["model_version"])

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        for target in (second, first, second):
            before = httpx.get(f"{url}v2/models/model/ready").json()["version"]
            (tmp_path / "new").symlink_to(target)
            (tmp_path / "new").rename(link)
            wait_until(lambda before=before: httpx.get(f"{url}v2/models/model/ready").json()["version"] != before)
        stop.set()
        for asker in askers:
            asker.join()
        assert len(set(versions)) == 2
        assert len(versions) > 20
        shown = httpx.get(f"{url}metrics").text
        assert 'code="200",model="model"' in shown
        assert 'code="5' not in shown
        process.terminate()


def test_a_bad_bundle_leaves_the_old_one_serving_and_sighup_reads_again(tmp_path: Path) -> None:
    bundle = copy_of(NUMBRE, tmp_path / "bundle")
    with command("--bundle", f"model={bundle}") as (url, process):

        def ready() -> dict[str, object]:
            found: dict[str, object] = httpx.get(f"{url}v2/models/model/ready").json()
            return found

        before = ready()
        assert before["reload_failed"] is False
        model = bundle / "model.int8.tflite"
        good = model.read_bytes()
        model.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: ready()["reload_failed"])
        assert ready() == {**before, "reload_failed": True}
        assert 'numbre_bundle_reload_failed{model="model"} 1.0' in httpx.get(f"{url}metrics").text
        outputs_of(httpx.post(_infer(url, "model"), json=image_request(IMAGE)))
        model.write_bytes(good)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not ready()["reload_failed"])
        shutil.rmtree(bundle)
        wait_until(lambda: ready()["reload_failed"])
        outputs_of(httpx.post(_infer(url, "model"), json=image_request(IMAGE)))
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr is not None
        log = process.stderr.read()
        assert "altered" in log
        assert "Traceback" not in log


def test_several_bundles_are_served_under_their_names() -> None:
    with running() as served:
        answers = [httpx.post(served.infer(name), json=image_request(IMAGE)) for name in (DIGITS, NUMBRE)]
        assert [len(outputs_of(answer)["scores"]) for answer in answers] == [11, 10]


def test_an_address_of_ipv6_works() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    with running(host="::1") as served:
        assert served.url.startswith("http://[::1]:")
        assert httpx.get(f"{served.url}v2/health/live").status_code == 200


def test_memory_stays_where_it_is_under_many_requests() -> None:
    """Not a soak; a leak of a request's own size would show."""
    with command("--bundle", DIGITS) as (url, process), httpx.Client() as client:

        def resident() -> int:
            fields = Path(f"/proc/{process.pid}/statm").read_text().split()
            return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

        request = json.dumps(image_request(IMAGE)).encode()
        headers = {"Content-Type": "application/json"}
        for _ in range(500):
            client.post(_infer(url, DIGITS), content=request, headers=headers)
        before = resident()
        for _ in range(2000):
            client.post(_infer(url, DIGITS), content=request, headers=headers)
        # A request has 2.4 kB: 2,000 of them, kept, would be 4.8 MB.
        assert resident() - before < 3 << 20
        process.terminate()
