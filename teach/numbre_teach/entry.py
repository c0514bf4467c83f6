"""Where the command starts, see `numbre_runtime.cli.entry`."""

from __future__ import annotations

from numbre_runtime.cli.entry import run_module


def main() -> int:
    """numbre-teach."""
    return run_module("numbre_teach.cli")
