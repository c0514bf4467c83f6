"""FULLY_CONNECTED (TensorFlow Lite `reference/integer_ops/fully_connected.h`)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.product import exact_product, weight_values
from numbre_runtime.kernels.requantize import Kernel, int8_tensor, requantizer
from numbre_runtime.kernels.tflite_file import Layer


def fully_connected(layer: Layer) -> Kernel:
    """Every output from every input."""
    if layer.options.scalar(1, "b"):
        raise BackendUnsupportedError("FULLY_CONNECTED with shuffled weights is not computed in NumPy")
    weights = weight_values(int8_tensor(layer.inputs[1]), 2)
    bias = layer.inputs[2] if len(layer.inputs) > 2 else None
    product, largest = exact_product(weights.T, int8_tensor(layer.inputs[0]), bias)
    requantize = requantizer(layer, layer.options.scalar(0, "b"), len(weights), largest)
    values = weights.shape[1]

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        return requantize(product(stored.reshape(-1, values)))

    return run
