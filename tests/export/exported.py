"""Real networks to export, without a training: NUMBRE's own weights out of the shipped ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.bundle import Bundle

Weights = list[NDArray[np.float32]]


def shipped_weights(shipped: Bundle) -> Weights:
    """Kernels (in, out) and biases (out,) of the shipped network, layer by layer."""
    import onnx

    graph = onnx.load_model_from_string(shipped.contents["model.float32.onnx"]).graph
    stored = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    arrays = [stored[name] for node in graph.node for name in node.input if name in stored]
    return [array.astype(np.float32) for array in arrays if array.ndim in (1, 2)]


def numbre_model(weights: Weights, name: str = "numbre") -> Any:
    """The NUMBRE network with these weights."""
    from numbre_export.convert.engine import keras

    layers = keras().layers
    sizes = [kernel.shape[1] for kernel in weights[::2]]
    model = keras().Sequential(
        [
            keras().Input((784,), name="pixels_0_1"),
            *(
                layers.Dense(size, activation="relu", name=f"hidden_{place}")
                for place, size in enumerate(sizes[:-1], 1)
            ),
            layers.Dense(sizes[-1], activation="softmax", name="digits"),
        ],
        name=name,
    )
    model.set_weights(weights)
    return model


def badly_scaled(weights: Weights, spread: float = 0.7) -> Weights:
    """The same function with channels of very different sizes.

    ReLU(a x) = a ReLU(x) for a > 0, so a hidden unit's weights may be multiplied by a and the weights that read it
    divided by a (Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019, undone).

    Args:
        weights: Kernels and biases by turns.
        spread: Factors go from 10^−spread to 10^spread.
    """
    scaled = [array.astype(np.float64) for array in weights]
    for layer in range(0, len(scaled) - 2, 2):
        factors = np.logspace(-spread, spread, scaled[layer].shape[1])
        scaled[layer] *= factors
        scaled[layer + 1] *= factors
        scaled[layer + 2] /= factors[:, None]
    return [array.astype(np.float32) for array in scaled]
