"""Commands that write: export and bench."""

from __future__ import annotations

import shutil
from pathlib import Path

from faults.injection import Command, is_bundle, is_json
from numbre_runtime.bundle import MODELS

_ASSETS = Path(__file__).resolve().parents[1] / "assets"


def _old_report(folder: Path) -> None:
    (folder / "out.json").write_text('{"earlier": 1}')


def _old_bundle(folder: Path) -> None:
    shutil.copytree(MODELS / "numbre-int8", folder / "out")


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
}
"""Name to the command."""
