"""scikit-learn's MLPClassifier of NUMBRE's shape, fitted on the 60,000 training images."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier

from harness import Images, Peer

_FILE = "mlp.joblib"


def prepare(folder: Path) -> None:
    """Fits it, 10 epochs; more take minutes and gain little."""
    with np.load(folder / "train.npz") as data:
        values, labels = data["images"].reshape(-1, 784).astype(np.float32) / 255, data["labels"]
    model = MLPClassifier((25, 256, 300), batch_size=128, max_iter=10, random_state=0)
    joblib.dump(model.fit(values, labels), folder / _FILE)


def load(folder: Path, file: str = _FILE) -> Peer:
    """See `harness`."""
    model = joblib.load(folder / file)

    def batch(images: Images) -> Images:
        answers: Images = model.predict(images.reshape(-1, 784).astype(np.float32) / 255)
        return answers

    return lambda image: int(batch(image)[0]), batch
