"""Runs on the board: one backend on one artifact. `on_board.py BACKEND ARTIFACT IMAGES.npy OUT.npy`."""

import json
import sys
from pathlib import Path

import numpy as np

from numbre_runtime.bundle import DEFAULT_BUNDLE, read_bundle
from numbre_runtime.classifier import load_bundle
from numbre_runtime.errors import BackendError


def main() -> None:
    """Loads (which replays the golden outputs), runs, writes the raw outputs."""
    backend, artifact, images, out = sys.argv[1:]
    try:
        classifier = load_bundle(read_bundle(DEFAULT_BUNDLE), backend, artifact=artifact)
    except BackendError as error:
        sys.stdout.write(json.dumps({"refused": str(error)}) + "\n")
        return
    np.save(out, classifier.predict_raw(np.load(images)))
    sys.stdout.write(json.dumps({"version": classifier.backend, "numpy": np.__version__, "out": Path(out).name}) + "\n")


main()
