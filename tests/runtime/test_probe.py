"""Probes of engines that are missing, broken, wrong or deadly, each a real package in a real child process."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbre_runtime
from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_runtime.doctor import probe as module
from numbre_runtime.doctor.engines import Probe
from numbre_runtime.doctor.probe import probe
from numbre_runtime.doctor.probe_cache import _key, remembered_probe

_CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"


def _engine(folder: Path, code: str, package: str = "tflite_runtime") -> None:
    """A package of that name whose module `interpreter` is the given code."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text("__version__ = '9.9'\n")
    (folder / package / "interpreter.py").write_text(code)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first when packages are looked up, and a cache of its own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("NUMBRE_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize("name", ["litert", "onnxruntime", "numpy"])
def test_what_the_toolkit_installs_works(name: str) -> None:
    found = probe(name)
    assert (found.status, found.reason) == ("works", "")
    assert found.version.startswith(f"{name} ")


def test_missing_engine(site: Path) -> None:  # noqa: ARG001 - the fixture shields the user's cache
    assert probe("tflite_runtime") == Probe("tflite_runtime", "not installed")


def test_crash_by_a_signal_is_a_finding(site: Path) -> None:
    _engine(site, _CRASH)
    assert probe("tflite_runtime") == Probe("tflite_runtime", "broken", "", "import", "killed by SIGILL")


def test_import_that_works_and_interpreter_that_does_not(site: Path) -> None:
    """As tflite-runtime 2.14 under NumPy 2."""
    _engine(site, "class Interpreter:\n    def __init__(self, **_): raise SystemError('initialization failed')\n")
    found = probe("tflite_runtime")
    assert (found.status, found.stage) == ("broken", "load")
    assert found.reason == "SystemError: initialization failed"


def test_wrong_answers_are_found(site: Path) -> None:
    """LiteRT behind a wrapper that shifts every score by one class."""
    _engine(
        site,
        "import numpy as np\n"
        "from ai_edge_litert.interpreter import Interpreter as Real\n"
        "class Interpreter(Real):\n"
        "    def get_tensor(self, index): return np.roll(super().get_tensor(index), 1, axis=1)\n",
    )
    found = probe("tflite_runtime")
    assert (found.status, found.stage) == ("broken", "golden outputs")
    assert "40 of 40 golden images" in found.reason


def test_every_shipped_model_is_tried(site: Path, tmp_path: Path) -> None:
    """A second bundle whose answers are others than at export; the child finds it where the parent does."""
    models = tmp_path / "models"
    shutil.copytree(DEFAULT_BUNDLE, models / "first")
    _turn_outputs(shutil.copytree(DEFAULT_BUNDLE, models / "second"), "model.int8.tflite")
    (site / "sitecustomize.py").write_text(
        f"from pathlib import Path\nfrom numbre_runtime import bundle\nbundle.MODELS = Path({str(models)!r})\n"
    )
    found = probe("numpy")
    assert (found.status, found.stage) == ("broken", "golden outputs")
    assert found.reason.endswith("40 of 40 golden images of second get another label than at export")
    assert probe("onnxruntime").status == "works"


def _turn_outputs(bundle: Path, artifact: str) -> None:
    """Gives an artifact other golden outputs, and the manifest their digest."""
    with np.load(bundle / "golden.npz") as arrays:
        golden = dict(arrays)
    golden[artifact] = np.roll(golden[artifact], 1, axis=1)
    np.savez_compressed(bundle / "golden.npz", **golden)
    manifest = json.loads((bundle / "manifest.json").read_text())
    content = (bundle / "golden.npz").read_bytes()
    (entry,) = (entry for entry in manifest["files"] if entry["file"] == "golden.npz")
    entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def test_child_that_never_answers_is_ended(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _engine(site, "import time\ntime.sleep(60)\n")
    monkeypatch.setattr(module, "_TIMEOUT_S", 2.0)
    found = probe("tflite_runtime")
    assert (found.status, found.stage, found.reason) == ("broken", "import", "no answer within 2 s")


def test_a_child_that_ends_before_it_says_anything_is_no_finding(site: Path) -> None:
    (site / "sitecustomize.py").write_text("import os\nos._exit(3)\n")
    found = probe("numpy")
    assert (found.status, found.stage) == ("not tried", "")


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (np, "__version__", "99.0"),
        (numbre_runtime, "__version__", "99.0"),
        (sys, "version", "4.0"),
        (platform, "machine", lambda: "riscv64"),
    ],
)
def test_a_probe_is_remembered_for_these_versions_on_this_machine(
    site: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, value: object
) -> None:
    _engine(site, _CRASH)
    (site / "tflite_runtime-1.dist-info").mkdir()
    keys = {_key("tflite_runtime"), _key("tflite_runtime")}
    monkeypatch.setattr(owner, name, value)
    keys |= {_key("tflite_runtime")}
    (site / "tflite_runtime-1.dist-info").rename(site / "tflite_runtime-2.dist-info")
    keys |= {_key("tflite_runtime")}
    assert len(keys) == 3


def test_no_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert probe("numpy").status == "not tried"


def test_probe_is_remembered_until_the_engine_changes(site: Path) -> None:
    _engine(site, _CRASH)
    assert remembered_probe("tflite_runtime").reason == "killed by SIGILL"
    (site / "tflite_runtime" / "interpreter.py").write_text("raise ImportError('another fault')\n")
    assert remembered_probe("tflite_runtime").reason == "killed by SIGILL"
    os.utime(site / "tflite_runtime" / "__init__.py", ns=(1, 1))
    assert remembered_probe("tflite_runtime").reason == "ImportError: another fault"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xff", b"[" * 100_000])
def test_damaged_cache_is_made_again(site: Path, tmp_path: Path, content: bytes) -> None:
    _engine(site, _CRASH)
    (tmp_path / "cache").mkdir()
    cache = tmp_path / "cache" / "probes.json"
    cache.write_bytes(content)
    assert remembered_probe("tflite_runtime").status == "broken"
    assert len(json.loads(cache.read_text())) == 1


def test_cache_that_cannot_be_written_only_costs_time(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _engine(site, _CRASH)
    monkeypatch.setenv("NUMBRE_CACHE_DIR", "/proc/no/such/place")
    assert remembered_probe("tflite_runtime").status == "broken"


def test_automatic_choice_passes_over_a_deadly_engine_with_one_warning(site: Path, tmp_path: Path) -> None:
    """In a process of its own, which must live on."""
    _engine(site, _CRASH, "ai_edge_litert")
    code = "import numbre_runtime; print(numbre_runtime.load(artifact='model.int8.tflite').backend.split()[0])"
    environment = {**os.environ, "PYTHONPATH": str(site), "NUMBRE_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "numpy\n"
    warned = [line for line in done.stderr.splitlines() if "EngineWarning" in line]
    assert len(warned) == 1
    assert "does not work here (killed by SIGILL); run: numbre-doctor" in warned[0]
