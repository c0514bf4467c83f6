"""Installs the runtime on a system as the guide says, and tries every board that runs it."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from emulated.boards import Board, System
from emulated.console import CommandFailedError, Console, make_root, put_python
from emulated.guide import code_blocks, packages, without_packages
from emulated.offline import offline_install
from emulated.outcome import compare
from emulated.reference import ON_BOARD, SAMPLES, Reference, Trial, without_percents
from emulated.serving import gather_service, serve_once
from emulated.userland import make_userland
from emulated.wheels import EXTRAS, constraints, gather

IMAGES = 500
_CELL_LIMIT_S = 900


def try_system(system: System, boards: list[Board], reference: Reference, work: Path, scratch: Path, emulator: Path
               ) -> list[dict[str, Any]]:  # fmt: skip
    """Results of the boards, one dictionary each.

    Raises:
        CannotEmulateError: The system or its wheels cannot be downloaded.
    """
    commands = code_blocks(f"## {system.bits}-bit")[0]
    engine = [f"python3-{system.engine}"] if system.engine else []
    wanted = ["base-files", "python3", "python3-venv", "libstdc++6", *packages(commands), *engine]
    userland = make_userland(work / system.name, system.suite, system.architecture, list(dict.fromkeys(wanted)))
    put_python(userland, system, emulator)
    wheels = work / f"{system.name}-wheels"
    reasons = gather(system, wheels)
    roots = {board.name: make_root(board, userland, work / f"{board.name}-root") for board in boards}

    home = work / f"{system.name}-home"
    shutil.rmtree(home, ignore_errors=True)
    consoles = [Console(home, userland, roots[board.name], board) for board in boards]
    try:
        places = _install(system, consoles[0], wheels, reasons)
    except CommandFailedError as error:
        return [_failed(board, f"installing as docs/raspberry-pi.md says: {error}") for board in boards]
    results = [_try_board(console, places, reasons, reference, scratch) for console in consoles]
    # Last, because nothing before may need what it installs.
    gather_service(wheels)
    fault = serve_once(consoles[0], {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), **constraints(system, "")})
    results[0]["faults"] += [f"{boards[0].name}: {fault}"] if fault else []
    return results


def _install(system: System, console: Console, wheels: Path, reasons: dict[str, str]) -> dict[str, str]:
    """Types the guide's lines, with the folder of wheels in place of PyPI, and then the lines for further engines.

    Returns:
        Backend name to the environment in which it is installed.
    """
    create, install, *others = without_packages(code_blocks(f"## {system.bits}-bit")[0]).splitlines()
    pypi = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    if system.offline:
        console.type(f"{create}\n{offline_install(system, console.home)}", constraints(system, ""))
    else:
        console.type(f"{create}\n{install}", {**pypi, **constraints(system, "")})
    console.type("\n".join(others))
    places = dict.fromkeys((*EXTRAS, "numpy"), "numbre")
    if system.bits == 64:
        onnx = "~/numbre/bin/pip install 'numbre-runtime[onnx]'"
        console.type(onnx, {**pypi, **constraints(system, "onnxruntime")})
        if not reasons["tflite_runtime"]:
            # It needs another NumPy than the others.
            places["tflite_runtime"] = "older"
            tflite = "~/numbre/bin/pip --python ~/older/bin/python install 'numbre-runtime[tflite]'"
            console.type(f"python3 -m venv --without-pip ~/older\n{tflite}", pypi)
    elif not reasons["tflite_runtime"]:
        console.type(code_blocks("### An engine for ARMv7")[0], pypi)
    return places


def _try_board(
    console: Console, places: dict[str, str], reasons: dict[str, str], reference: Reference, scratch: Path
) -> dict[str, Any]:
    board, faults = console.board, []
    try:
        shutil.copy(SAMPLES[0], console.home / "digit.png")
        console.type(code_blocks("## A first digit")[0])
        said = without_percents(console.type(f"numbre/bin/numbre-predict {shlex.join(map(str, SAMPLES))}"))
        doctor = json.loads(console.type("numbre/bin/numbre-doctor --json"))
    except CommandFailedError as error:
        return _failed(board, str(error))
    if said != reference.said:
        faults.append(f"{board.name}: numbre-predict says {said}, on x86 {reference.said}")
    cells = []
    for trial in reference.trials:
        cell = _cell(console, places[trial.backend], trial, reasons.get(trial.backend, ""), reference, scratch)
        cells.append(cell)
        # Debian's own engine is as it is; the others are versions that were chosen.
        refusal = cell["status"] == "refused" and trial.backend != board.system.engine
        if refusal or cell["status"] in ("differs", "fails"):
            faults.append(f"{board.name}: {trial.backend} {trial.bundle}/{trial.artifact}: {cell['reason']}")
    return {**_described(board), "used": doctor["used"], "doctor": doctor["backends"], "cells": cells, "faults": faults}


def _cell(
    console: Console, place: str, trial: Trial, no_wheel: str, reference: Reference, scratch: Path
) -> dict[str, Any]:
    board = console.board
    cell = {
        "bundle": trial.bundle,
        "backend": trial.backend,
        "precision": trial.precision,
        "artifact": trial.artifact,
        "version": "",
    }
    if no_wheel:
        return {**cell, "status": "does not install", "reason": no_wheel}
    count = board.images if reference.is_large(trial) else IMAGES
    out = scratch / f"{board.name}-{trial.name}.npy"
    words = (ON_BOARD, trial.bundle, trial.backend, trial.artifact, reference.images[count], out)
    try:
        done = console.type(f"{place}/bin/python {shlex.join(map(str, words))}", limit_s=_CELL_LIMIT_S)
    except CommandFailedError as error:
        return {**cell, "status": "fails", "reason": str(error)}
    found = json.loads(done.splitlines()[-1])
    if "refused" in found:
        return {**cell, "status": "refused", "reason": found["refused"]}
    outputs = np.load(out)
    outcome = compare(outputs, reference.expected(trial)[:count], trial.precision)
    return {
        **cell,
        "version": found["version"],
        "status": outcome.status,
        "reason": outcome.reason,
        "images": count,
        "accuracy": reference.accuracy(trial, outputs),
        "other_labels": outcome.other_labels,
    }


def _described(board: Board) -> dict[str, Any]:
    system = f"{board.system.title}, Python {board.system.python}"
    return {"name": board.name, "title": board.title, "cpu": board.cpu, "system": system}


def _failed(board: Board, reason: str) -> dict[str, Any]:
    """A board that does not get as far as a cell."""
    return {**_described(board), "used": None, "doctor": [], "cells": [], "faults": [f"{board.name}: {reason}"]}
