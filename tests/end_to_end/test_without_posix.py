"""NUMBRE without what only POSIX has, as on Windows; and the caches where each system keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs.macos
import platformdirs.unix
import pytest

from conftest import ROOT
from numbre_runtime.bundle import read_bundle
from numbre_runtime.cache import cache_directory
from numbre_train.data import Mnist

_LOOKS = ROOT / "tests" / "windows_like"


def _run(*words: object, cwd: Path) -> str:
    """Runs a module's command in a Python that looks like one on Windows; gives what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(_LOOKS), "NUMBRE_CACHE_DIR": str(cwd / "cache")}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_names_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "numbre_probe.py").write_text(
        "import os, signal\nassert not hasattr(os, 'fork') and not hasattr(signal, 'SIGKILL')\n"
        "try:\n    import resource\nexcept ImportError:\n    print('lacking')\n"
    )
    assert _run("numbre_probe", cwd=tmp_path) == "lacking\n"


def test_the_runtime_reads_measures_and_examines(tmp_path: Path) -> None:
    sample = ROOT / "samples" / "paper_3.png"
    assert _run("numbre_runtime", "predict", sample, cwd=tmp_path).startswith(f"{sample}: 3 (")
    assert "648 043" in _run("numbre_runtime", "read", ROOT / "samples" / "page.jpg", cwd=tmp_path)
    assert "works" in _run("numbre_runtime", "doctor", cwd=tmp_path)


def test_the_exporter_writes_a_bundle_and_locks_its_place(mnist: Mnist, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=mnist.test_images[:400], y=mnist.test_labels[:400])
    model = ROOT / "tests" / "assets" / "numbre.keras"
    words = ("--int8", "--format", "tflite", "--model", model, "--data", "rows.npz", "--out", "out/bundle")
    said = _run("numbre_export.cli", *words, "--max-drop", "1", "--max-class-drop", "1", cwd=tmp_path)
    assert "numbre.keras: this system limits no process's memory" in said
    assert read_bundle(tmp_path / "out" / "bundle").manifest.artifacts[0].precision == "int8"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bundle"]


def test_caches_are_where_platformdirs_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBRE_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert str(cache_directory()) == platformdirs.unix.Unix("numbre").user_cache_dir
    monkeypatch.setattr(sys, "platform", "darwin")
    assert str(cache_directory()) == platformdirs.macos.MacOS("numbre").user_cache_dir
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert str(cache_directory()) == "/local/numbre/Cache"
