"""Keras layers that compute like an int8 file, in float32, and can be trained.

Weights are rounded to 255 steps of one scale for each channel of a convolution, or one for all of a dense layer, as
TFLite stores them. Activations are rounded to 256 levels. Rounding has no useful gradient, so the backward pass treats
it as the identity (the straight-through estimator of Bengio et al., "Estimating or propagating gradients through
stochastic neurons", 2013; for networks of integers Jacob et al., "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", 2018). The largest value of a ReLU's output is a weight that is learned
(Choi et al., "PACT: parameterized clipping activation for quantized neural networks", 2018).

Importing this module imports TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.keras_engine import keras

_ops = keras().ops
_SMALLEST_RANGE = 1e-6
_MOMENTUM = 0.95


def round_through(values: Any) -> Any:
    """Rounds to whole numbers; the gradient passes unchanged."""
    return values + _ops.stop_gradient(_ops.round(values) - values)


def weights_on_grid(kernel: Any, per_channel: bool, depthwise: bool, bits: int = 8) -> Any:
    """A kernel rounded to the values that an integer file can hold: a scale times −top … top, top = 2^(bits − 1) − 1.

    Args:
        kernel: In Keras's layout.
        per_channel: Whether each output channel has a scale of its own.
        depthwise: Whether the kernel is (height, width, channels, multiplier).
        bits: Of a weight, 2–8.
    """
    rank = len(kernel.shape)
    axes = tuple(range(rank)) if not per_channel else (0, 1) if depthwise else tuple(range(rank - 1))
    top = 2 ** (bits - 1) - 1
    largest = _ops.max(_ops.abs(kernel), axis=axes, keepdims=True)
    scale = _ops.stop_gradient(_ops.maximum(largest, 1e-9) / top)
    return round_through(kernel / scale) * scale


def values_on_grid(values: Any, low: Any, high: Any) -> Any:
    """Values clipped to [low, high] and rounded to 256 levels, of which one is exactly 0; low ≤ 0 < high.

    The gradient of a value within the range passes unchanged; that of a clipped value goes to the range's end.
    """
    return keras().quantizers.fake_quant_with_min_max_vars(values, low, high, num_bits=8)


class SimulatedUnit(keras().layers.Layer):  # type: ignore[misc]
    """A dense layer or convolution with its ReLU, computed as one int8 operator does."""

    def __init__(
        self,
        name: str,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32],
        relu: bool,
        logits: bool = False,
        options: dict[str, Any] | None = None,
        depthwise: bool = False,
        bits: int = 8,
    ) -> None:
        """Begins with these weights.

        Args:
            name: The layer's name.
            kernel: In Keras's layout, (inputs, units) or (height, width, channels, filters or multiplier).
            bias: (channels of the output,).
            relu: Whether a ReLU follows.
            logits: Whether a softmax follows; its inputs are then kept from falling below 0.
            options: Strides, padding and dilation of a convolution, as `keras.ops.conv` takes them; None for a dense
                layer.
            depthwise: Whether the convolution is a depthwise one.
            bits: Bits of a weight, 2–8.
        """
        super().__init__(name=name)
        self.relu, self.logits, self.options, self.depthwise, self.bits = relu, logits, options, depthwise, bits
        self.kernel = self.add_weight(name="kernel", shape=kernel.shape)
        self.bias = self.add_weight(name="bias", shape=bias.shape)
        # The range of a ReLU's output begins at 0 and its end is learned; other ranges follow the values.
        self.low = self.add_weight(name="range_low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(name="range_high", shape=(), initializer="ones", trainable=relu)
        self.kernel.assign(kernel)
        self.bias.assign(bias)
        self.built = True

    def grid_kernel(self) -> Any:
        """The kernel with the values that the int8 file holds."""
        return weights_on_grid(self.kernel, self.options is not None, self.depthwise, self.bits)

    def products(self, inputs: Any) -> Any:
        """The output before activation and rounding."""
        kernel = self.grid_kernel()
        if self.options is None:
            return _ops.matmul(inputs, kernel) + self.bias
        convolve = _ops.depthwise_conv if self.depthwise else _ops.conv
        return convolve(inputs, kernel, data_format="channels_last", **self.options) + self.bias

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The output, rounded to 256 levels."""
        values = self.products(inputs)
        if self.relu:
            return values_on_grid(values, 0.0, _ops.maximum(self.high, _SMALLEST_RANGE))
        if self.logits:
            values = _ops.relu(values)
        if training:
            for variable, extreme in ((self.low, _ops.min(values)), (self.high, _ops.max(values))):
                variable.assign(_MOMENTUM * variable + (1 - _MOMENTUM) * _ops.stop_gradient(extreme))
        return values_on_grid(values, _ops.minimum(self.low, 0.0), _ops.maximum(self.high, _SMALLEST_RANGE))


class SimulatedSoftmax(keras().layers.Layer):  # type: ignore[misc]
    """Softmax whose scores outside training are multiples of 1/256, at most 255/256, as an int8 file gives them."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The scores."""
        scores = _ops.softmax(inputs)
        return scores if training else _ops.minimum(_ops.round(scores * 256), 255.0) / 256
