"""RESHAPE."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from numbre_runtime.kernels.requantize import Kernel, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer


def reshape(layer: Layer) -> Kernel:
    """The same values in another shape; the batch stays the first axis."""
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    shape = output.shape[1:]
    if math.prod(source.shape[1:]) != math.prod(shape):
        raise ValueError(f"a reshape of {source.shape} to {output.shape}")

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        return stored.reshape(len(stored), *shape)

    return run
