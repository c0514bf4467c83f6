"""The commands that write: export, train, bench."""

from __future__ import annotations

import shutil
from pathlib import Path

from faults.injection import Command, is_bundle, is_json, is_training
from numbre_runtime.bundle import MODELS

_ASSETS = Path(__file__).resolve().parents[1] / "assets"


def _old_report(folder: Path) -> None:
    (folder / "out.json").write_text('{"earlier": 1}')


def _old_bundle(folder: Path) -> None:
    shutil.copytree(MODELS / "numbre-int8", folder / "out")


def _old_training(folder: Path) -> None:
    (folder / "out").mkdir()
    shutil.copy(_ASSETS / "numbre.keras", folder / "out" / "model.keras")


COMMANDS = {
    "bench": Command(
        lambda folder: (
            *("numbre-bench", "--bundle", "numbre-int8", "--backend", "numpy", "--rounds", "1", "--samples", "50"),
            *("--json", str(folder / "out.json")),
        ),
        _old_report,
        is_json,
    ),
    "export": Command(
        lambda folder: (
            "numbre-export",
            "--model",
            str(_ASSETS / "numbre.keras"),
            "--int8",
            "--out",
            str(folder / "out"),
        ),
        _old_bundle,
        is_bundle,
    ),
    "train": Command(
        lambda folder: ("numbre-train", "--epochs", "1", "--recipe", "quick", "--out", str(folder / "out")),
        _old_training,
        is_training,
    ),
}
"""Name to the command."""
