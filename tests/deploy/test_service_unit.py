"""The systemd units that numbre-deploy writes, held by systemd's own tools; numbre-serve with a socket of systemd's."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from numbre_runtime.bundle import MODELS
from numbre_runtime.deploy.board_session import BoardFacts
from numbre_runtime.deploy.service_unit import ServiceUnit
from numbre_runtime.errors import DataError
from running import wait_until


def _facts(folder: object) -> BoardFacts:
    return BoardFacts("3.11.2", "aarch64", 64, "2.36", str(folder), 1000)


@pytest.mark.parametrize("scope", ["user", "system"])
def test_systemd_accepts_the_units_and_finds_them_confined(scope: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    program = tmp_path / "current" / "environment" / "bin" / "numbre-serve"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    units = ServiceUnit(scope).to_json(_facts(tmp_path), "digits-int8")["units"]
    paths = [tmp_path / name for name in units]
    for path in paths:
        path.write_text(units[path.name])
    analyze = ["systemd-analyze", *(["--user"] if scope == "user" else [])]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [*analyze, "verify", *map(str, paths)], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    command = [*analyze, "security", "--offline=true", "--no-pager", str(tmp_path / "numbre.service")]
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    exposure = re.search(r"Overall exposure level for numbre.service: ([0-9.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) < 3.0


@pytest.mark.parametrize("folder", ["/home/a b/numbre", "/home/%h", "/home/x\nExecStartPre=/bin/false"])
def test_a_folder_that_would_change_the_unit_is_refused(folder: str) -> None:
    with pytest.raises(DataError, match="cannot stand in a unit file"):
        ServiceUnit("user").to_json(_facts(folder), "digits-int8")
    with pytest.raises(DataError, match="expected letters"):
        ServiceUnit("user").to_json(_facts("/home/pi"), "digits int8")


def test_the_service_takes_the_socket_that_systemd_has_opened() -> None:
    if shutil.which("systemd-socket-activate") is None:
        pytest.skip("needs systemd-socket-activate (Debian: systemd)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [str(Path(sys.executable).parent / "numbre-serve"), "--bundle", f"digits={MODELS / 'numbre-int8'}"]
    command = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", *serve, "--port", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            # Asked before the service runs at all, and answered.
            assert httpx.get(f"http://127.0.0.1:{port}/v2/models/digits", timeout=30).json()["name"] == "digits"
        finally:
            process.terminate()
