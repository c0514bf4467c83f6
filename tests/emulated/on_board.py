"""Runs on the board: one backend on one artifact. `on_board.py BUNDLE BACKEND ARTIFACT IMAGES.npy OUT.npy`."""

import json
import sys

import numpy as np

from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.errors import BackendError
from numbre_runtime.loading import load_bundle


def main() -> None:
    """Loads (which replays the golden outputs), runs, writes the raw outputs."""
    bundle, backend, artifact, images, out = sys.argv[1:]
    try:
        classifier = load_bundle(read_bundle(MODELS / bundle), backend, artifact=artifact)
    except BackendError as error:
        sys.stdout.write(json.dumps({"refused": str(error)}) + "\n")
        return
    np.save(out, classifier.predict_raw(np.load(images)))
    sys.stdout.write(json.dumps({"version": classifier.backend, "numpy": np.__version__}) + "\n")


main()
