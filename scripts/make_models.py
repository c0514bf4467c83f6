"""Trains and exports the bundles that ship inside the runtime, runtime/numbre_runtime/models/.

The Keras models behind them are kept as test assets.

Seed 0, and recipes that were not chosen on the test images. Same machine and versions: same bytes.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from numbre_export.cli import main as export
from numbre_runtime.bundle import MODELS
from numbre_train.cli import main as train

_ASSETS = Path("tests/assets")
_WORDS = {
    "digits": ["--model", "small", "--recipe", "wild"],
    "numbre": ["--model", "numbre", "--recipe", "best"],
}


def main() -> int:
    """Runs the commands in the root of the project; a bundle is replaced only if every check of it passes."""
    for name, words in _WORDS.items():
        training = Path("build") / f"shipped-{name}"
        code = train([*words, "--seed", "0", "--out", str(training)])
        if code != 0:
            return code
        # The exporter finds what the training left beside its model, and keeps the file's name.
        model = shutil.copyfile(training / "model.keras", training / f"{name}.keras")
        shutil.copyfile(model, _ASSETS / model.name)
        code = export(["--int8", "--model", str(model), "--out", str(MODELS / f"{name}-int8")])
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
