"""scikit-learn's SVC with its radial kernel, fitted on 10,000 training images; on all it takes many minutes."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
from sklearn.svm import SVC

import with_sklearn_mlp
from harness import Peer

_FILE, _ROWS = "svc.joblib", 10_000


def prepare(folder: Path) -> None:
    """Fits it."""
    with np.load(folder / "train.npz") as data:
        values, labels = data["images"][:_ROWS].reshape(-1, 784).astype(np.float32) / 255, data["labels"][:_ROWS]
    joblib.dump(SVC(C=5).fit(values, labels), folder / _FILE)


def load(folder: Path) -> Peer:
    """See `harness`."""
    return with_sklearn_mlp.load(folder, _FILE)
