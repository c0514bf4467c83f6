"""Where boards cannot be emulated, `make test-pi` says why in one line and fails nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from emulated.boards import BOARDS, Board, System
from emulated.run import try_all
from emulated.userland import CannotEmulateError

_ON_DEBIAN = Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists() and platform.machine() == "x86_64"
debian = pytest.mark.skipif(not _ON_DEBIAN, reason="needs Debian on x86-64, with the package debian-archive-keyring")


def _skipped(work: Path, path: str) -> str:
    """The reason that is given with these programs at hand and nothing downloaded yet."""
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path])}
    command = [sys.executable, "-m", "emulated.run", "--work", str(work)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("skipped: no board can be emulated here (")
    return line


def test_no_programs_at_all(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    reason = _skipped(tmp_path / "work", str(tmp_path / "bin"))
    assert not _ON_DEBIAN or reason.endswith("(apt-get is not installed)")


@debian
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("update", "E: Failed to fetch InRelease  Temporary failure resolving"),
        ("download", "E: Unable to locate package qemu-user-static"),
    ],
)
def test_no_network(tmp_path: Path, command: str, said: str) -> None:
    """apt-get that knows a mirror and cannot reach it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "apt-get").write_text(
        '#!/bin/sh\ncase "$*" in *indextargets*) echo http://mirror/;;\n'
        f'*{command}*) echo "{said}" >&2; exit 100;; esac\n'
    )
    (tmp_path / "bin" / "apt-get").chmod(0o755)
    assert said in _skipped(tmp_path / "work", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


@debian
def test_emulator_that_does_not_run(tmp_path: Path) -> None:
    programs = tmp_path / "work" / "qemu" / "usr" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / "work" / "qemu" / ".done").touch()
    (programs / "qemu-arm-static").write_bytes(b"\x7fELF of nothing")
    (programs / "qemu-arm-static").chmod(0o755)
    assert "qemu-arm-static does not run" in _skipped(tmp_path / "work", os.environ["PATH"])


def test_board_that_cannot_be_built_is_skipped_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def attempt(system: System, boards: list[Board]) -> list[dict[str, Any]]:
        if system.suite == "trixie":
            raise CannotEmulateError("the mirror has no trixie")
        return [{"name": board.name, "faults": []} for board in boards]

    results, skipped = try_all(list(BOARDS), attempt, 2)
    assert {board.name for board in skipped} == {"pi5-trixie", "pi2-trixie"}
    assert set(results) == {"pi3", "pi4", "pi5", "pi2", "zero"}
    lines = capsys.readouterr().out.splitlines()
    assert "Raspberry Pi 5, 64-bit with Debian 13: skipped: the mirror has no trixie" in lines
    assert len(lines) == len(BOARDS)
