"""Random networks, compiled with sanitizers, against the numpy backend.

It stops at the first network that differs: `PYTHONPATH=tests .venv/bin/python tests/export/fuzz_c_library.py`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from random_networks import random_network

from numbre_export.c.c_model import c_model_of
from numbre_export.c.library import project_files
from numbre_export.c.model_source import model_files
from numbre_export.c.vectors import Vectors, golden_header
from numbre_runtime.backends.integer import IntegerSession
from runtime.tflite_builder import chain

_FLAGS = ("-std=c99", "-O0", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_PROCESSORS = ((), ("-DNUMBRE_NO_VECTORS",))
"""As this machine has it, with vectors; and as any other compiles it."""
_ROWS = 6


def try_seed(seed: int, folder: Path, compiler: str = "cc") -> None:
    """Builds the seed's network with its golden vectors and runs it, with vector instructions and without.

    Raises:
        AssertionError: It does not compile, a sanitizer objects, or an output differs.
    """
    generator = np.random.default_rng(seed)
    layers = random_network(generator)
    session, model = IntegerSession(chain(layers)), c_model_of(layers, f"seed {seed}")
    rows = generator.integers(-128, 128, (_ROWS, model.inputs), np.int8)
    rows[0], rows[1] = -128, 127
    outputs = session.run(rows)
    found = Vectors(rows, outputs, outputs.argmax(axis=1))
    texts = {**model_files(model), "golden.h": golden_header(found), "check.c": project_files(model, found)["check.c"]}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    titles = [step.title for step in model.steps]
    for processor in _PROCESSORS:
        build = [compiler, *_FLAGS, *_SANITIZERS, *processor, "-o", "check", "check.c", "model.c"]
        for command in (build, ["./check"]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, f"seed {seed}, {titles}: {command[0]}: {done.stdout}{done.stderr[-3000:]}"


def main() -> int:
    """Tries seeds until the time is over."""
    parser = argparse.ArgumentParser(description="Fuzzes the C library against the numpy backend.")
    parser.add_argument("--seconds", type=float, default=60, help="(default: 60)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default: 0)")
    parser.add_argument("--compiler", default="cc", help="(default: cc)")
    args = parser.parse_args()
    start, seed = time.monotonic(), args.first
    with tempfile.TemporaryDirectory() as directory:
        while time.monotonic() - start < args.seconds:
            try_seed(seed, Path(directory), args.compiler)
            seed += 1
    sys.stdout.write(f"{seed - args.first} random networks agree with the numpy backend, bit for bit\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
