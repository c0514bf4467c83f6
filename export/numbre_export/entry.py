"""Where the export stage's commands start, see `numbre_runtime.cli.entry`."""

from __future__ import annotations

from numbre_runtime.cli.entry import run_module


def main() -> int:
    """numbre-export."""
    return run_module("numbre_export.cli")


def check() -> int:
    """numbre-check."""
    return run_module("numbre_export.check_cli")
