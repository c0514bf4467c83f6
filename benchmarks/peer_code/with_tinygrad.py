"""NUMBRE's float32 ONNX file in tinygrad, compiled for the processor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import Images, Peer

os.environ["DEV"] = "CPU"


def load(folder: Path) -> Peer:
    """See `harness`."""
    from tinygrad import Tensor, TinyJit
    from tinygrad.nn.onnx import OnnxRunner

    def compiled() -> Any:
        # A runner keeps to the number of rows of its first call.
        runner = OnnxRunner(folder / "model.float32.onnx")
        return TinyJit(lambda values: next(iter(runner({"pixels": values}).values())).realize())

    one, many = compiled(), compiled()

    def run(network: Any, images: Images) -> NDArray[Any]:
        scores = network(Tensor(images.reshape(-1, 784).astype(np.float32) / 255).realize()).numpy()
        answers: NDArray[Any] = scores.argmax(axis=1)
        return answers

    return lambda image: int(run(one, image)[0]), lambda images: run(many, images)
