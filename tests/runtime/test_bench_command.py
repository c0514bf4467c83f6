"""numbre-bench as a user runs it: real engines, one that dies, one that remembers, Ctrl-C, comparison, a picture."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from numbre_runtime.bench.case import Case
from numbre_runtime.bench.visit import visit
from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_runtime.npz import write_npz
from numbre_train.data import Mnist

_QUICK = ("--threads", "1", "--samples", "300", "--rounds", "1")
_SIX_ROUNDS = ("--threads", "1", "--samples", "300", "--rounds", "6")
_DEADLY = "import os, signal\nos.kill(os.getpid(), signal.{signal})\n"
_WRAPPED = (
    "from ai_edge_litert.interpreter import Interpreter as Real\n"
    "class Interpreter(Real):\n"
)  # fmt: skip
_REMEMBERS = _WRAPPED + (
    "    last = None\n"
    "    def invoke(self):\n"
    "        read = self.get_tensor(self.get_input_details()[0]['index']).tobytes()\n"
    "        if read == self.last: return\n"
    "        super().invoke()\n"
    "        end = __import__('time').perf_counter() + 2e-4\n"
    "        while __import__('time').perf_counter() < end: pass\n"
    "        self.last = read\n"
)
_DIES_LATE = _WRAPPED + (
    "    calls = 0\n"
    "    def invoke(self):\n"
    "        Interpreter.calls += 1\n"
    "        if Interpreter.calls > 150: __import__('os').kill(__import__('os').getpid(), 11)\n"
    "        super().invoke()\n"
)


def _spoiled(**wrong: object) -> str:
    """A result with one row, of which something is wrong."""
    row = {"artifact": "a", "engine": "litert", "backend": "litert 1", "threads": 1, "p50_us": 7.0,
           "p50_interval_us": [6.5, 8], **wrong}  # fmt: skip
    return json.dumps({"format": "numbre-bench 1", "bundle": "small", "machine": "m", "rows": [row]})


def _engine(folder: Path, code: str) -> dict[str, str]:
    """A package tflite_runtime whose module `interpreter` is the given code, and the environment that finds it."""
    package = folder / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '9.9'\n")
    (package / "interpreter.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def result(run_command: Run, mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run on the 10,000 test images."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "test.npz").write_bytes(write_npz(images=mnist.test_images, labels=mnist.test_labels))
    done = run_command("numbre-bench", "--data", folder / "test.npz", *_SIX_ROUNDS, "--json", folder / "result.json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    found["printed"] = done.stdout
    return found


def test_every_artifact_on_every_engine_is_a_row(result: dict[str, Any]) -> None:
    found = [(row["engine"], row["precision"]) for row in result["rows"]]
    assert found == [
        ("litert", "int8"),
        ("numpy", "int8"),
        ("onnxruntime", "int8"),
        ("litert", "float32"),
        ("onnxruntime", "float32"),
    ]
    for row in result["rows"]:
        at_export = result["accuracy_at_export"][row["artifact"]]
        (exported,) = [entry for entry in at_export if entry["backend"].split()[0] == row["engine"]]
        assert exported["images"] == 10_000
        # Engines may round a few scores otherwise on another processor.
        assert abs(row["accuracy"] - exported["accuracy"]) < 3.5e-4
        assert row["p50_interval_us"][0] <= row["p50_us"] <= row["p50_interval_us"][1]
        assert row["p50_us"] <= row["p90_us"]
        assert row["images_per_second"] > 1e9 / row["p90_us"] / 1e4
        assert 20 < row["peak_rss_mb"] < 500
        assert row["load_ms"] > row["first_ms"] > 0
        assert set(row["where_us"]) == {
            "decode",
            "preprocess",
            "quantize",
            "invoke",
            "dequantize",
            "rest",
            "empty model",
        }


def test_percentiles_that_the_samples_do_not_bear_out_are_not_printed(result: dict[str, Any]) -> None:
    assert all(row["samples"] == 300 and row["p99_us"] is None and row["p999_us"] is None for row in result["rows"])
    first = next(line for line in result["printed"].splitlines() if line.startswith("model.int8.tflite"))
    assert first.split().count("-") == 3  # p99, p99.9 and, without the Keras model's answers, agreement


def test_the_text_says_where_the_time_goes_and_what_to_take(result: dict[str, Any]) -> None:
    assert "Where the time goes, µs" in result["printed"]
    assert "accuracy on 10,000 images of test.npz" in result["printed"]
    assert result["printed"].splitlines()[-1].startswith("Take model.")
    assert result["board"]["cpu_features"]


def test_threads_are_rows_of_their_own(run_command: Run) -> None:
    done = run_command(
        "numbre-bench", "--json", "--backend", "litert", "--threads", "1,2", "--samples", "50", "--rounds", "2"
    )
    rows = json.loads(done.stdout)["rows"]
    assert [(row["precision"], row["threads"]) for row in rows] == [
        ("int8", 1), ("int8", 2), ("float32", 1), ("float32", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["SIGILL", "SIGSEGV", "SIGKILL"])
def test_a_visit_outlives_its_engine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _engine(tmp_path, _DEADLY.format(signal=name))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = visit(Case("model.int8.tflite", "tflite_runtime", 1), DEFAULT_BUNDLE, None, 10, 1.0, complete=False)
    assert found.failure == f"killed by {name}, during: load"


def test_an_engine_that_dies_is_a_row_and_the_others_run(run_command: Run, tmp_path: Path) -> None:
    environment = _engine(tmp_path, _DEADLY.format(signal="SIGILL"))
    done = run_command("numbre-bench", "--json", *_QUICK, **environment)
    assert done.returncode == 0
    rows = json.loads(done.stdout)["rows"]
    failed = [row for row in rows if "error" in row]
    assert {(row["backend"], row["error"]) for row in failed} == {
        ("tflite_runtime", "killed by SIGILL, during: load"),
    }
    assert sum("error" not in row for row in rows) == 5


def test_an_engine_that_dies_in_the_middle_says_where(run_command: Run, tmp_path: Path) -> None:
    environment = _engine(tmp_path, _DIES_LATE)
    done = run_command("numbre-bench", *_QUICK, "--backend", "tflite_runtime", **environment)
    assert done.returncode == 2
    assert "model.int8.tflite with tflite_runtime 9.9 on 1 thread(s): killed by SIGSEGV, during: " in done.stdout
    assert "Nothing here passes parity" in done.stdout


def test_an_engine_that_remembers_its_last_answer_is_found_out(run_command: Run, tmp_path: Path) -> None:
    environment = _engine(tmp_path, _REMEMBERS)
    done = run_command("numbre-bench", *_QUICK, "--backend", "tflite_runtime", **environment)
    assert done.returncode == 0
    assert "times as long for different images as for one repeated image: something caches answers" in done.stdout


def test_ctrl_c_prints_what_is_done_so_far(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "numbre-bench"), "--progress", "--json", str(tmp_path / "part.json")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said: list[str] = []
    while len(said) < 3:
        said.append(process.stderr.readline())
    assert said[2].startswith("round 1 of 10: ")
    process.send_signal(signal.SIGINT)
    # Pressed again, as people do; one more round may have begun before the first.
    said.append(process.stderr.readline())
    while said[-1].startswith("round"):
        said.append(process.stderr.readline())
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert said[-1] == "interrupted; this is what was measured so far\n"
    assert "Interrupted: the table and the recommendation cover the rows" in printed
    assert printed.splitlines()[1].startswith("model.int8.tflite")
    part = json.loads((tmp_path / "part.json").read_text())
    assert part["interrupted"] is True
    assert 1 <= len(part["rows"]) <= 3


def test_compare_exits_with_4_if_a_row_became_slower(run_command: Run, result: dict[str, Any], tmp_path: Path) -> None:
    old = {**result, "rows": [dict(row) for row in result["rows"]]}
    old["rows"][0].update(p50_us=0.02, p50_interval_us=[0.01, 0.03])
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    words = ("numbre-bench", *_SIX_ROUNDS, "--backend", "litert", "--compare", path)
    done = run_command(*words)
    assert done.returncode == 4
    assert sum(line.endswith("not measured now") for line in done.stdout.splitlines()) == 3
    slower = [line for line in done.stdout.splitlines() if line.endswith("slower")]
    assert slower[0].split()[:2] == ["model.int8.tflite", "litert"]
    for row in old["rows"]:
        row.update(p50_us=1e9, p50_interval_us=[1e9, 1e9])
    path.write_text(json.dumps(old))
    done = run_command(*words)
    assert done.returncode == 0
    assert done.stdout.count("faster\n") == 2
    done = run_command("numbre-bench", *_QUICK, "--backend", "litert", "--compare", path)
    assert done.returncode == 0
    assert done.stdout.count("fewer than 6 rounds cannot tell\n") == 2


def test_compare_says_that_the_other_result_is_of_another_bundle(
    run_command: Run, result: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(result))
    done = run_command("numbre-bench", "--bundle", "numbre-int8", "--backend", "litert", *_QUICK, "--compare", path)
    assert "warning: the earlier result is of another bundle: small\n" in done.stdout


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "numbre-bench 1"}', "[" * 100_000,
                                     '{"format": "numbre-bench 1", "rows": [{"artifact": 1}]}',
                                     _spoiled(p50_us="7"), _spoiled(p50_us=True), _spoiled(p50_us=math.nan),
                                     _spoiled(p50_interval_us=["1", 9]), _spoiled(p50_interval_us=[]),
                                     _spoiled(p50_interval_us=[8, 9]), _spoiled(artifact=["a"]),
                                     _spoiled(threads="1"), _spoiled(backend=None)])  # fmt: skip
def test_a_foreign_earlier_result_is_refused_before_measuring(content: str, run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(content)
    done = run_command("numbre-bench", "--compare", tmp_path / "old.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "old.json: no result of numbre-bench --json" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--json", "--plot"])
@pytest.mark.parametrize("name", ["directory", "file/below.json", ""])
def test_outputs_that_cannot_be_written_are_refused_before_measuring(
    option: str, name: str, run_command: Run, tmp_path: Path
) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    done = run_command("numbre-bench", f"{option}={tmp_path / name if name else ''}", "--rounds", "1000")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file"]


def test_the_measuring_process_ends_with_the_command() -> None:
    command = [str(Path(sys.executable).parent / "numbre-bench"), "--samples", "100000000", "--rounds", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("this system does not tell a process's children")
        numbers: list[str] = []
        while not numbers:
            time.sleep(0.1)
            assert process.poll() is None
            numbers = children.read_text().split()
        process.terminate()
        process.wait(30)
        for _ in range(100):
            if not any(Path(f"/proc/{number}").exists() for number in numbers):
                return
            time.sleep(0.1)
    raise AssertionError("it goes on by itself")


def test_plot_draws_a_line_for_each_row(run_command: Run, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "latency.png"
    done = run_command("numbre-bench", "--backend", "litert", *_QUICK, "--plot", path)
    assert done.returncode == 0
    with Image.open(path) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert {(0, 114, 178), (230, 159, 0)} <= colours  # the first two of the palette


def test_plot_asks_for_matplotlib_before_measuring(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('hidden')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = run_command("numbre-bench", "--plot", tmp_path / "p.png", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "numbre-bench: --plot needs matplotlib; run: pip install matplotlib\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--threads", "0"), "0 threads; expected 1 to 256"),
        (("--threads", "two"), "--threads two: expected numbers with commas between them"),
        (("--samples", "0"), "--samples 0: expected 1 to 100,000,000"),
        (("--backend", "tflite_runtime"), "tflite-runtime is not installed; run: numbre-doctor"),
        (("--bundle", "nowhere"), "nowhere: no such directory"),
        (("--ssh=-oProxyCommand=x",), "'-oProxyCommand=x' is no host"),
    ],
)
def test_bench_fails_in_one_line(words: tuple[str, ...], reason: str, run_command: Run) -> None:
    done = run_command("numbre-bench", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bench_refuses_foreign_data(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"no npz")
    done = run_command("numbre-bench", "--data", tmp_path / "data.npz")
    assert done.returncode == 2
    assert "data.npz: not a readable npz file" in done.stderr
