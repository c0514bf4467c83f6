"""NUMBRE's float32 ONNX file in onnxruntime by hand, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from harness import Images, Peer


def load(folder: Path) -> Peer:
    """See `harness`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.float32.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def batch(images: Images) -> NDArray[Any]:
        scores = session.run(None, {"pixels": images.reshape(-1, 784).astype(np.float32) / 255})[0]
        answers: NDArray[Any] = scores.argmax(axis=1)
        return answers

    return lambda image: int(batch(image)[0]), batch
