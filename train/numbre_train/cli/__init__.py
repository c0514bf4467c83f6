"""`numbre-train`: trains, or with a command as its first word does one of the things around it; one file each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from numbre_runtime.cli.entry import run_module
from numbre_train.ctrl_c import ctrl_c_remembered

COMMANDS = {
    "sample": "writes a random draw from MNIST as CSV",
    "inspect": "shows what is in a data set",
    "compare": "trains several models on the same rows and writes a report",
    "search": "finds good parameters",
}
"""First word to what the command does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = words.pop(0) if words and words[0] in COMMANDS else "train"
    with ctrl_c_remembered():
        return run_module(f"numbre_train.cli.{command}", words)
