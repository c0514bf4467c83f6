"""`make test-mcu`: classifies test images on emulated microcontrollers; every output has to be the numpy backend's.

Exit code 0: every board agrees, or cannot be emulated here, for a reason that is printed; 1: a board does not agree,
or cannot be emulated where `CI` is "true".
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microcontrollers.boards import AVR, SEMIHOSTED, AvrBoard, SemihostedBoard
from microcontrollers.trial import BoardRun, MissingToolError, on_avr, on_semihosted
from numbre_export.c.c_model import CModel, c_model
from numbre_export.c.library import int8_tflite
from numbre_runtime.backends.integer import open_model
from numbre_runtime.bundle import MODELS, read_bundle
from numbre_train.data import load_mnist

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "microcontrollers.json"
TINY = ROOT / "tests" / "assets" / "tiny.int8.tflite"
"""A digit classifier for 2 kB of RAM, which takes pixels as NUMBRE does."""
IMAGES = 500


@dataclass(frozen=True)
class _Case:
    """A model, and what the numpy backend gives for the images."""

    name: str
    model: CModel
    expected: NDArray[np.int8]
    accuracy: float
    """Of the numpy backend, on all test images."""


def main() -> int:
    """Runs the boards and writes what was measured."""
    parser = argparse.ArgumentParser(description="Tries the C library on emulated microcontrollers.")
    parser.add_argument("--images", type=int, default=IMAGES, help=f"of MNIST's test images (default: {IMAGES})")
    parser.add_argument("--board", action="append", help="(default: all)")
    parser.add_argument("--bundle", action="append", type=Path, help="(default: those that ship, and the tiny one)")
    args = parser.parse_args()
    start, mnist = time.monotonic(), load_mnist()
    images, labels = mnist.test_images[: args.images], mnist.test_labels[: args.images]
    everything = (mnist.test_images, mnist.test_labels)
    paths = args.bundle or [*sorted(path.parent for path in MODELS.glob("*/manifest.json")), TINY]
    faults, skipped, rows = 0, 0, list[dict[str, Any]]()
    for case in (_case(path, *everything) for path in paths):
        for board in (*SEMIHOSTED, AVR):
            if (args.board and board.name not in args.board) or (board is AVR and not _fits_avr(case.model)):
                continue
            try:
                with tempfile.TemporaryDirectory() as directory:
                    outcome = _try(board, case.model, images, Path(directory))
            except MissingToolError as reason:
                print(f"{case.name} on {board.title}: skipped, {reason}")
                skipped += 1
                continue
            row = _row(case, board.name, board.title, outcome, labels)
            faults += row["different"]
            rows.append(row)
            print(_line(row), flush=True)
    if args.images == IMAGES and args.board is None and args.bundle is None and not skipped:
        RESULTS.write_text(json.dumps({"images": len(images), "compiler": "-Os", "rows": rows}, indent=1) + "\n")
    print(f"{len(rows)} trials, {skipped} skipped, {faults} outputs differ, {time.monotonic() - start:.0f} s")
    return 1 if faults or (skipped and os.environ.get("CI") == "true") else 0


def _try(board: SemihostedBoard | AvrBoard, model: CModel, images: NDArray[np.uint8], folder: Path) -> BoardRun:
    if isinstance(board, AvrBoard):
        return on_avr(board, model, images, folder)
    return on_semihosted(board, model, images, folder)


def _case(path: Path, images: NDArray[np.uint8], labels: NDArray[np.integer[Any]]) -> _Case:
    bundle = read_bundle(MODELS / "numbre-int8" if path == TINY else path)
    content = path.read_bytes() if path == TINY else bundle.contents[int8_tflite(bundle.manifest)]
    model = c_model(content, path.stem, manifest=bundle.manifest)
    if model.pictures is None:
        raise ValueError(f"{path}: takes no pixels")
    stored = model.pictures.stored[images.reshape(len(images), -1), 0]
    scores = open_model(content, 1).run(stored)
    return _Case(path.stem.split(".")[0], model, scores, float(_is_right(model, scores, labels).mean()))


def _is_right(model: CModel, scores: NDArray[np.int8], labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Whether the highest score is the label's; the class that stands for none of the others is never an answer."""
    ranked = scores.astype(int)
    if model.pictures is not None and model.pictures.none >= 0:
        ranked[:, model.pictures.none] = -129
    found: NDArray[np.bool_] = ranked.argmax(axis=1) == labels
    return found


def _fits_avr(model: CModel) -> bool:
    """Whether 32 kB of flash and 2 kB of RAM can hold it, with an image and some stack."""
    return model.constants < 26_000 and model.arena_bytes + model.inputs < 1800


def _row(case: _Case, board: str, title: str, outcome: BoardRun, labels: NDArray[np.integer[Any]]) -> dict[str, Any]:
    complete = len(outcome.scores) == len(labels)
    different = int((outcome.scores != case.expected[: len(labels)]).any(axis=1).sum()) if complete else len(labels)
    right = int(_is_right(case.model, outcome.scores, labels).sum()) if complete else 0
    return {
        "bundle": case.name,
        "board": board,
        "title": title,
        "different": different,
        "right": right,
        "accuracy": case.accuracy,
        "macs": case.model.macs,
        "flash": outcome.flash,
        "arena": outcome.ram,
        "stack": outcome.stack,
        "steps": round(outcome.steps),
        "unit": "cycles" if board == AVR.name else "instructions",
    }


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['bundle']} on {row['title']}: {row['different']} outputs differ, {row['right']} right, "
        f"flash {row['flash']:,} B, arena {row['arena']:,} B, stack {row['stack']:,} B, {row['steps']:,} {row['unit']}"
    )


if __name__ == "__main__":
    sys.exit(main())
