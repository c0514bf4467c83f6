"""`numbre-predict digit.png` as a whole process, against the shortest scripts that people write by hand.

All run in turn, from a warm file cache; peak RSS is what the kernel counted for the finished process.
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
from pathlib import Path

from common import NUMBRE, interleaved, machine, ratio, write_result
from numbre_runtime.bundle import bundle_path

ROUNDS = 101
BOUNDS = {"wall time, against the shortest script": 1.15, "peak RSS in MB": 60.0}
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""All keep their compiled modules, as installed packages do."""
_HERE = Path(__file__).resolve().parent
_SAMPLE = _HERE.parent / "samples" / "mnist_7.png"


_MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(status, usage.ru_maxrss * 1024)
os._exit(0)
"""


def peak_rss_mb(command: list[str]) -> float:
    """The most memory that a command's process held, in MB of 10^6 bytes."""
    # From a small process, because Linux counts the memory that a process held before it called exec.
    small = [sys.executable, "-S", "-c", _MEASURE, *command]
    status, peak = subprocess.run(small, capture_output=True, text=True, env=_ENVIRONMENT, check=True).stdout.split()
    if status != "0":
        raise RuntimeError(f"{command[0]} ended with status {status}")
    return int(peak) / 1e6


def _numbre(*options: str) -> list[str]:
    return [str(Path(sys.executable).parent / "numbre-predict"), "--bundle", NUMBRE, *options, str(_SAMPLE)]


def _script(name: str, artifact: str) -> list[str]:
    return [sys.executable, str(_HERE / name), str(bundle_path(NUMBRE) / artifact), str(_SAMPLE)]


def main() -> int:
    """Measures, prints, writes results/cold_start.json; exit code 1 if a bound is missed."""
    commands = {
        "numbre-predict": _numbre(),
        "shortest script": _script("shortest_predict.py", "model.int8.tflite"),
        "numbre-predict, onnxruntime": _numbre("--backend", "onnxruntime"),
        "shortest script, onnxruntime": _script("shortest_predict_onnx.py", "model.float32.onnx"),
    }
    seconds = interleaved(
        {
            name: functools.partial(subprocess.run, command, capture_output=True, check=True, env=_ENVIRONMENT)
            for name, command in commands.items()
        },
        ROUNDS,
    )
    peaks = {name: statistics.median(peak_rss_mb(command) for _ in range(5)) for name, command in commands.items()}
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    figures = {
        "wall time, against the shortest script": ratio(seconds, "numbre-predict", "shortest script"),
        "peak RSS in MB": peaks["numbre-predict"],
    }
    onnx = ratio(seconds, "numbre-predict, onnxruntime", "shortest script, onnxruntime")
    print(f"{machine()['cpu']}, medians of {ROUNDS} rounds in turn")
    print(*(f"  {name:28} {medians[name]:.3f} s  {peaks[name]:.1f} MB" for name in commands), sep="\n")
    print(*(f"{name}: {value:.2f} (at most {BOUNDS[name]:g})" for name, value in figures.items()), sep="\n")
    print(f"the same with onnxruntime: {onnx:.2f}")
    result = {"seconds": medians, "peak_rss_mb": peaks, "figures": figures, "bounds": BOUNDS, "ratio_onnxruntime": onnx}
    write_result("cold_start", result)
    return int(any(figures[name] > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
