"""`make test-pi`: installs the runtime on every emulated board as a user would, and holds what it computes against x86.

Exit code 0: every board agrees, or emulation cannot be had here and the reason is printed; 1: a board does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulated.boards import BOARDS, Board, Environment
from emulated.matrix import table, write_between_markers
from emulated.userland import CannotEmulateError, make_emulator
from numbre_train.data import load_mnist

ROOT = Path(__file__).resolve().parent.parent.parent
_RESULTS = ROOT / "benchmarks" / "results" / "boards.json"
_ON_BOARD = Path(__file__).with_name("on_board.py")
_PACKAGES = {"litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime==2.14.0", "onnxruntime": "onnxruntime"}
_CELLS = (
    ("litert", "model.int8.tflite"),
    ("litert", "model.float32.tflite"),
    ("tflite_runtime", "model.int8.tflite"),
    ("tflite_runtime", "model.float32.tflite"),
    ("onnxruntime", "model.int8.onnx"),
    ("onnxruntime", "model.float32.onnx"),
    ("numpy", "model.int8.tflite"),
)
_WHEELS = {"arm64": "aarch64", "armhf": "armv7l", "armel": "armv6l"}
_SYSTEMS = {"bookworm": "Debian 12", "trixie": "Debian 13"}
_IMAGES = 500
_ONNX_INT8_TOLERANCE = 0.005
"""Largest share of images with another label: ONNX Runtime's int8 kernels round differently on each processor."""
_FLOAT_TOLERANCE = 4e-5
"""Largest difference of a float32 score between processors; they add in different orders."""


def main() -> int:
    """Runs every board and writes the matrix."""
    parser = argparse.ArgumentParser(description="Tries the runtime on emulated Raspberry Pi boards.")
    parser.add_argument("--board", action="append", choices=[board.name for board in BOARDS], help="(default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="boards at a time (default: 2)")
    args = parser.parse_args()
    boards = [board for board in BOARDS if args.board is None or board.name in args.board]
    start = time.monotonic()
    work = ROOT / "build" / "emulated"
    try:
        emulator = make_emulator(work / "qemu")
        with tempfile.TemporaryDirectory() as directory:
            bench = _Bench(work, emulator, Path(directory))
            with ThreadPoolExecutor(args.jobs) as pool:
                groups = list(pool.map(bench.try_system, _systems(boards)))
    except CannotEmulateError as reason:
        print(f"skipped: no boards can be emulated here ({reason})")
        return 0
    except subprocess.CalledProcessError as error:
        print(f"FAULT: {' '.join(map(str, error.cmd[:4]))} …: {error.stderr}")
        return 1
    found = {result["name"]: result for group in groups for result in group}
    faults = [fault for result in found.values() for fault in result["faults"]]
    print(table(_write(found)))
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{len(boards)} boards, {len(faults)} faults, {time.monotonic() - start:.0f} s")
    return 1 if faults else 0


def _write(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Puts boards' results beside those of the other boards, and writes the matrix of all."""
    known = json.loads(_RESULTS.read_text())["boards"] if _RESULTS.exists() else []
    merged = {**{result["name"]: result for result in known}, **found}
    results = {"boards": [merged[board.name] for board in BOARDS if board.name in merged]}
    _RESULTS.parent.mkdir(parents=True, exist_ok=True)
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_between_markers(ROOT / "docs" / "boards.md", table(results))
    return results


def _systems(boards: list[Board]) -> list[list[Board]]:
    """Boards by the system that they run: what is installed once serves them all."""
    keys = dict.fromkeys((board.suite, board.architecture) for board in boards)
    return [[board for board in boards if (board.suite, board.architecture) == key] for key in keys]


class _Bench:
    """What all boards are tried with."""

    def __init__(self, work: Path, emulator: Path, scratch: Path) -> None:
        self._work, self._emulator, self._scratch = work, emulator, scratch
        self._lock = threading.Lock()
        mnist = load_mnist()
        self._images, self._labels = mnist.test_images, mnist.test_labels
        self._samples = sorted((ROOT / "samples").glob("*.png")) or self._write_samples()
        self._files: dict[int, Path] = {}
        for count in {_IMAGES, *(board.images for board in BOARDS)}:
            self._files[count] = scratch / f"images{count}.npy"
            np.save(self._files[count], self._images[:count])
        self._expected = {cell: self._on_x86(*cell) for cell in _CELLS if cell[0] != "tflite_runtime"}
        self._said = _labels(_run([str(Path(sys.executable).with_name("numbre-predict")), *map(str, self._samples)]))

    def _write_samples(self) -> list[Path]:
        from PIL import Image

        paths = []
        for index, image in enumerate(self._images[:5]):
            paths.append(self._scratch / f"digit{index}.png")
            Image.fromarray(255 - image).resize((112, 112)).save(paths[-1])
        return paths

    def _on_x86(self, backend: str, artifact: str) -> NDArray[Any]:
        out = self._scratch / f"x86-{backend}-{artifact}.npy"
        _run([sys.executable, str(_ON_BOARD), backend, artifact, str(self._files[max(self._files)]), str(out)])
        outputs: NDArray[Any] = np.load(out)
        return outputs

    def try_system(self, boards: list[Board]) -> list[dict[str, Any]]:
        """Installs on the first board of a system and runs on each."""
        first, owners = boards[0], dict[str, Environment]()
        installs = {"main": ("litert", "onnx"), "numpy1": ("tflite",)} if first.bits == 64 else {"main": ("tflite",)}
        reasons = {
            name: "" if name == first.engine.removeprefix("python3-") else _no_wheel(first, package)
            for name, package in _PACKAGES.items()
        }
        if reasons["tflite_runtime"]:
            installs = {key: tuple(extra for extra in extras if extra != "tflite") for key, extras in installs.items()}
            installs.pop("numpy1", None)
        results = []
        for board in boards:
            environments = {}
            for name, extras in installs.items():
                environments[name] = Environment(board, name, self._work, self._emulator)
                if name in owners:
                    environments[name].share(owners[name])
                else:
                    house = self._wheelhouse(board, extras)
                    environments[name].install(house, extras)
                    owners[name] = environments[name]
            results.append(self._try_board(board, environments, reasons))
            print(f"{board.title} ({board.suite}): done", file=sys.stderr, flush=True)
        with self._lock:
            _write({result["name"]: result for result in results})
        return results

    def _wheelhouse(self, board: Board, extras: tuple[str, ...]) -> Path:
        folder = self._work / f"wheels-{board.architecture}-{board.python}-{'-'.join(extras) or 'none'}"
        for engine in extras or ("none",):
            options = ["--board", board.architecture, "--python", board.python, "--engine", engine]
            _run([sys.executable, str(ROOT / "scripts" / "wheelhouse.py"), *options, "--out", str(folder)])
        return folder

    def _try_board(self, board: Board, environments: dict[str, Environment], reasons: dict[str, str]) -> dict[str, Any]:
        main = environments["main"]
        faults = []
        said = _labels(main.run(str(main.python.with_name("numbre-predict")), *map(str, self._samples)).stdout)
        if said != self._said:
            faults.append(f"{board.name}: numbre-predict says {said}, on x86 {self._said}")
        doctor = json.loads(main.run(str(main.python.with_name("numbre-doctor")), "--json").stdout)
        cells = []
        for backend, artifact in _CELLS:
            environment = environments.get("numpy1", main) if backend == "tflite_runtime" else main
            cell = self._cell(board, environment, backend, artifact, reasons.get(backend, ""))
            cells.append(cell)
            allowed = artifact == "model.int8.onnx" and cell.get("other_labels", 1.0) <= _ONNX_INT8_TOLERANCE
            if cell["status"] in ("differs", "fails") and not allowed:
                faults.append(f"{board.name}: {backend} {artifact}: {cell['reason']}")
        return {
            "name": board.name,
            "title": board.title,
            "cpu": board.cpu,
            "system": f"{_SYSTEMS[board.suite]}, Python {board.python}",
            "used": doctor["used"],
            "doctor": doctor["backends"],
            "cells": cells,
            "faults": faults,
        }

    def _cell(
        self, board: Board, environment: Environment, backend: str, artifact: str, no_wheel: str
    ) -> dict[str, Any]:
        cell = {"backend": backend, "precision": artifact.split(".")[1], "artifact": artifact, "version": ""}
        if no_wheel:
            return {**cell, "status": "does not install", "reason": no_wheel}
        count = board.images if artifact == "model.int8.tflite" else _IMAGES
        out = self._scratch / f"{environment.folder.name}-{backend}-{artifact}.npy"
        try:
            done = environment.run(str(_ON_BOARD), backend, artifact, str(self._files[count]), str(out))
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
            return {**cell, "status": "fails", "reason": lines[-1]}
        found = json.loads(done.stdout.splitlines()[-1])
        if "refused" in found:
            return {**cell, "status": "refused", "reason": found["refused"]}
        if backend == "tflite_runtime":
            # It is not installed on x86, and runs the kernels that the numpy backend computes.
            backend = "numpy" if artifact == "model.int8.tflite" else "litert"
        outputs = np.load(out)
        expected, labels = self._expected[backend, artifact][:count], outputs.argmax(axis=1)
        status, reason = _compare(outputs, expected)
        measured = {
            "images": count,
            "accuracy": float((labels == self._labels[:count]).mean()),
            "other_labels": float((labels != expected.argmax(axis=1)).mean()),
        }
        return {**cell, "version": found["version"], "status": status, "reason": reason, **measured}


def _compare(found: NDArray[Any], expected: NDArray[Any]) -> tuple[str, str]:
    """A cell's status, and what it is that differs."""
    labels = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    if labels:
        return "differs", f"{labels} of {len(found):,} images get another label than on x86"
    if found.dtype == np.int8:
        steps = np.abs(found.astype(int) - expected)
        if not steps.any():
            return "identical", ""
        return (
            "agrees",
            f"same labels; {np.count_nonzero(steps)} of {steps.size:,} scores differ, "
            f"by at most {steps.max()} of 256 steps",
        )
    largest = float(np.abs(found - expected).max())
    if largest > _FLOAT_TOLERANCE:
        return "differs", f"scores differ by {largest:.0e}"
    return "agrees", ""


def _no_wheel(board: Board, package: str) -> str:
    """Why a package does not install on a board; empty if it does."""
    wheels = _WHEELS[board.architecture]
    tags = [*(f"manylinux_2_{minor}_{wheels}" for minor in range(17, 42)), f"manylinux2014_{wheels}", f"linux_{wheels}"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", f"--dest={folder}",
             f"--python-version={board.python}", *(f"--platform={tag}" for tag in tags), package],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        return ""
    if "No matching distribution" in done.stderr:
        return f"{package.split('=')[0]} has no wheel for {wheels} and Python {board.python}"
    raise CannotEmulateError(f"pip: {done.stderr.strip().splitlines()[-1]}")


def _labels(text: str) -> list[str]:
    """The labels alone, of what numbre-predict prints; the last percent may differ between engines."""
    return [line.rpartition(": ")[2].split()[0] for line in text.splitlines()]


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
