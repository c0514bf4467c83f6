"""The C library beside LiteRT's bare invoke, on this machine, one thread: writes results/c_library.json.

Both are measured in turn, round by round, so that the machine's drift meets both alike. The C code is compiled with -O2
and nothing else; it is called from C, because a call through ctypes takes as long as NUMBRE itself.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import interpreter

from common import RESULTS, machine
from numbre_export.c.c_model import c_model
from numbre_export.c.library import int8_tflite
from numbre_export.c.model_source import model_files
from numbre_runtime.bundle import MODELS, read_bundle

_ROUNDS, _CALLS = 9, 2000
_DRIVER = """\
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "model.h"

static double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static int ascending(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments)
{
    static int8_t input[NUMBRE_INPUTS], output[NUMBRE_OUTPUTS];
    int calls = count > 1 ? atoi(arguments[1]) : 1, at;
    double *times = malloc(sizeof *times * (size_t)calls);
    for (at = 0; at < NUMBRE_INPUTS; at++)
        input[at] = (int8_t)(rand() % 256 - 128);
    for (at = 0; at < calls; at++) {
        double start = microseconds();
        numbre_run(input, output);
        times[at] = microseconds() - start;
    }
    qsort(times, (size_t)calls, sizeof *times, ascending);
    printf("%.4f\\n", times[calls / 2]);
    return 0;
}
"""


def main() -> int:
    """Measures every shipped bundle and writes the file."""
    found = {path.parent.name: _measured(path.parent) for path in sorted(MODELS.glob("*/manifest.json"))}
    result = {"machine": machine(), "flags": "-O2", "threads": 1, "bundles": found}
    (RESULTS / "c_library.json").write_text(json.dumps(result, indent=1) + "\n")
    for name, row in found.items():
        print(f"{name}: C {row['c_us']:.2f} µs, LiteRT {row['litert_us']:.2f} µs, ratio {row['ratio']:.2f}")
    return 0


def _measured(path: Path) -> dict[str, Any]:
    """Median times of one prediction, and the median of the rounds' ratios."""
    bundle = read_bundle(path)
    content = bundle.contents[int8_tflite(bundle.manifest)]
    engine = interpreter.Interpreter(model_content=content, num_threads=1)
    engine.allocate_tensors()
    source = engine.get_input_details()[0]
    engine.set_tensor(source["index"], np.random.default_rng(0).integers(-128, 128, source["shape"], np.int8))
    with tempfile.TemporaryDirectory() as directory:
        texts = {**model_files(c_model(content, bundle.manifest.name)), "driver.c": _DRIVER}
        for name, text in texts.items():
            (Path(directory) / name).write_text(text, encoding="utf-8")
        build = ["cc", "-std=gnu99", "-O2", "-o", "driver", "driver.c", "model.c"]
        subprocess.run(build, cwd=directory, check=True)
        rounds = [(_c(directory), _litert(engine)) for _ in range(_ROUNDS)]
    c, litert = (statistics.median(times) for times in zip(*rounds, strict=True))
    return {"c_us": c, "litert_us": litert, "ratio": statistics.median(a / b for a, b in rounds)}


def _c(directory: str) -> float:
    done = subprocess.run([f"{directory}/driver", str(_CALLS)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _litert(engine: Any) -> float:
    invoke, times = engine.invoke, []
    for _ in range(_CALLS):
        start = time.perf_counter()
        invoke()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    sys.exit(main())
