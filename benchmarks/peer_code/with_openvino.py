"""NUMBRE's float32 ONNX file in OpenVINO, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from harness import Images, Peer


def load(folder: Path) -> Peer:
    """See `harness`."""
    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(core.read_model(folder / "model.float32.onnx"), "CPU", options)

    def batch(images: Images) -> NDArray[Any]:
        answers: NDArray[Any] = model(images.reshape(-1, 784).astype(np.float32) / 255)[0].argmax(axis=1)
        return answers

    return lambda image: int(batch(image)[0]), batch
