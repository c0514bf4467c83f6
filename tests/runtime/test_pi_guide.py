"""docs/raspberry-pi.md: what of it can be tried on this machine; `make test-pi` tries its commands for boards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import ROOT
from emulated.guide import code_blocks, packages, without_packages

_CAMERA = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        --output) cp "{photo}" "$2"; exit 0;;
        --width|--height) shift 2;;
        --nopreview|--immediate) shift;;
        *) echo "unknown option $1" >&2; exit 1;;
    esac
done
exit 1
"""


@pytest.fixture
def camera(tmp_path: Path) -> dict[str, str]:
    """The environment with a `rpicam-still` that copies a photo of a 3 to the place that --output names."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "rpicam-still"
    program.write_text(_CAMERA.format(photo=ROOT / "samples" / "paper_3.png"))
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}


def test_commands_for_the_camera(camera: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "numbre").mkdir()
    (tmp_path / "numbre" / "bin").symlink_to(Path(sys.executable).parent)
    (commands,) = code_blocks("## Camera")
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=tmp_path, env=camera, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("digit.jpg: 3 (")


_PICAMERA = """
import time
import cv2

class Picamera2:
    def __init__(self, number):
        self.frames = [cv2.imread(name) for name in ({digit!r}, {blank!r}) for _ in range(6)]

    @staticmethod
    def global_camera_info():
        return [{{"Num": 0}}]

    def create_video_configuration(self, main):
        return main

    def configure(self, configuration):
        assert configuration["format"] == "RGB888"

    def start(self):
        pass

    def capture_array(self):
        if not self.frames:
            time.sleep(60)
        return self.frames.pop(0)

    def stop(self):
        pass

    close = stop
"""
"""A stand-in for picamera2, whose camera sees a digit, then a blank page, then nothing new."""


def test_command_that_watches(tmp_path: Path) -> None:
    """The unit's own command, until Ctrl-C."""
    (unit,) = code_blocks("## Service at boot", "ini")
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    _, *words = line.removeprefix("ExecStart=/home/pi/numbre/bin/numbre-read").split(" ")
    assert words == ["--camera", "--single"]
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((240, 320), 200, np.uint8))
    names = {"digit": str(ROOT / "samples" / "paper_3.png"), "blank": str(tmp_path / "blank.png")}
    (tmp_path / "picamera2.py").write_text(_PICAMERA.format(**names))
    command = [str(Path(sys.executable).parent / "numbre-read"), *words]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(2)]
        # Until the camera has shown all its frames.
        time.sleep(2)
        running.send_signal(signal.SIGINT)
        rest, _ = running.communicate(timeout=60)
    assert lines[0].startswith("frame 2: 3 (")
    assert lines[1].startswith("frame 8: no digit")
    assert rest.startswith("12 frames, ")
    assert running.returncode == 130


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, in the package systemd")
def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    (unit,) = code_blocks("## Service at boot", "ini")
    (tmp_path / "numbre-read").write_text("#!/bin/sh\n")
    (tmp_path / "numbre-read").chmod(0o755)

    def verify(text: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "numbre.service"
        path.write_text(text.replace("/home/pi/numbre/bin/numbre-read", str(tmp_path / "numbre-read")))
        # No manual pages and no other units: a small system has neither.
        command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good = verify(unit)
    assert (good.returncode, good.stderr) == (0, "")
    bad = verify(unit.replace("RestartSec=5", "RestartSecs=5").replace("Restart=on-failure", "Restart=often"))
    assert "RestartSecs" in bad.stderr
    assert "often" in bad.stderr


def test_blocks_are_found_by_heading_and_language() -> None:
    page = "## One\n```\n# a comment\na\n```\n## Two\n```python\nb\n```\ntext\n```\nc\nd\n```\n"
    assert code_blocks("## One", page=page) == ["# a comment\na"]
    assert code_blocks("## Two", page=page) == ["c\nd"]
    assert code_blocks("## Two", "python", page) == ["b"]
    for heading in ("## Three", "## One more"):
        with pytest.raises(ValueError, match="no block of commands"):
            code_blocks(heading, page=page)


def test_packages_are_told_from_commands() -> None:
    (commands,) = code_blocks("## 32-bit")
    assert packages(commands) == ["python3-venv", "python3-numpy", "python3-pil"]
    assert "apt" not in without_packages(commands)
    assert len(without_packages(commands).splitlines()) == len(commands.splitlines()) - 1
