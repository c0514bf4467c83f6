"""Trains and exports the bundle that ships inside the runtime, runtime/numbre_runtime/models/numbre-int8.

The Keras model behind it is kept as a test asset.

Recipe best, seed 0: neither was chosen on the test images. Same machine and versions: same bytes.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from numbre_export.cli import main as export
from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_train.cli import main as train

_TRAINING = Path("build/numbre-best")
_ASSET = Path("tests/assets/numbre.keras")


def main() -> int:
    """Runs the two commands in the root of the project; the bundle is replaced only if every check passes."""
    code = train(["--recipe", "best", "--seed", "0", "--out", str(_TRAINING)])
    if code == 0:
        shutil.copyfile(_TRAINING / "model.keras", _ASSET)
        code = export(["--int8", "--model", str(_ASSET), "--out", str(DEFAULT_BUNDLE)])
    return code


if __name__ == "__main__":
    sys.exit(main())
