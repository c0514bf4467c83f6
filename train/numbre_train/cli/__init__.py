"""`numbre-train`: trains, or runs the sub-command that its first word names; one file each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from numbre_runtime.cli.entry import run_module
from numbre_runtime.cli.progress import progress_shown
from numbre_train.ctrl_c import ctrl_c_remembered

COMMANDS = {
    "sample": "writes a random sample of MNIST as CSV",
    "inspect": "shows what is in a data set",
    "compare": "trains several models on the same rows and writes a report",
    "search": "finds good parameters",
}
"""First word to what the command does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = words.pop(0) if words and words[0] in COMMANDS else "train"
    # The output of `inspect` is a result, which a program may read.
    with progress_shown("numbre_train", to_stderr=command == "inspect"):
        return run_module(f"numbre_train.cli.{command}", words, ctrl_c_remembered)
