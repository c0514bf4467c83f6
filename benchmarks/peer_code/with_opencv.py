"""NUMBRE's float32 ONNX file in OpenCV's dnn module, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from harness import Images, Peer


def load(folder: Path) -> Peer:
    """See `harness`."""
    cv2.setNumThreads(1)
    network = cv2.dnn.readNetFromONNX(str(folder / "model.float32.onnx"))

    def batch(images: Images) -> NDArray[Any]:
        network.setInput(images.reshape(-1, 784).astype(np.float32) / 255)
        answers: NDArray[Any] = network.forward().argmax(axis=1)
        return answers

    return lambda image: int(batch(image)[0]), batch
