"""From a trained Keras model to one that simulates its int8 file, and back to a plain Keras model.

The plain model consists of standard layers, so every converter takes it without knowing anything of the training:
its kernels already have the values of the int8 file, and each ReLU ends at 6. A converter that calibrates with real
rows finds exactly the ranges that were learned: 0 to 6 for a ReLU; for other outputs the smallest and largest value.
That every learned range can become 0 to 6 is because a positive factor passes through a ReLU unchanged: a layer's
output is multiplied by 6 / range, and the next layer's kernel divided by it (Nagel et al., "Data-free quantization
through weight equalization and bias correction", 2019, section 4.1).

Importing this module imports TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.keras_engine import keras
from numbre_train.quantization.chain import Passage, QuantizeError, Unit, chain_of
from numbre_train.quantization.simulated import SimulatedSoftmax, SimulatedUnit

_RELU_END = 6.0
"""TFLite and ONNX Runtime compute a ReLU that ends at 6 inside the layer before it."""
_BATCH = 500
_CUT_SHARE = 0.005
"""Share of the rows whose second largest logit may be cut off."""


def quantize(model: Any, inputs: NDArray[np.float32], weight_bits: int = 8) -> Any:
    """A Keras model that computes like the model's int8 file and can be trained further.

    Args:
        model: A trained Sequential or functional Keras model without branches, of dense layers and convolutions with
            ReLU, batch normalization, max pooling, and a softmax at its end.
        inputs: (N, *input shape) float32 rows from the training data; some hundred are enough to begin with each
            activation's range.
        weight_bits: Bits of a weight, 2–8.

    Returns:
        A keras.Model with the same input and the same output shape. Its outputs are float32 scores, rounded to
        multiples of 1/256 outside training, as an int8 file gives them.

    Raises:
        QuantizeError: The model has branches, or a layer or activation that is not known.

    Example:
        >>> import keras, numpy as np, numbre_train
        >>> dense = keras.layers.Dense
        >>> layers = [keras.Input((4,)), dense(8, activation="relu"), dense(3, activation="softmax")]
        >>> rows = np.random.default_rng(0).random((100, 4), np.float32)
        >>> simulated = numbre_train.quantize(keras.Sequential(layers), rows)
        >>> simulated(rows[:5]).shape
        TensorShape([5, 3])
    """
    if not 2 <= weight_bits <= 8:
        raise QuantizeError(f"weight_bits {weight_bits}: expected 2 to 8")
    module = keras()
    source = module.layers.Input(model.input_shape[1:], name=model.inputs[0].name)
    values, rows = source, np.asarray(inputs, np.float32)
    for step in chain_of(model):
        if isinstance(step, Passage):
            layer = type(step.layer).from_config(step.layer.get_config())
            values = layer(values)
            rows = _in_batches(layer, rows)
            continue
        unit = _simulated(step, weight_bits)
        if step.softmax:
            _set_floor(unit, rows)
        values = unit(values)
        _begin_range(unit, rows)
        rows = _in_batches(unit, rows)
        if step.softmax:
            values = SimulatedSoftmax(name=f"{unit.name}_softmax")(values)
    return module.Model(source, values, name=model.name)


def plain_model(simulated: Any, inputs: NDArray[np.float32]) -> Any:
    """The plain Keras model of a simulated one; its int8 file computes what the simulated model computes.

    Ranges that are not learned, and ReLU ranges that no row fills, are set to what the rows show, in the simulated
    model too, because a converter finds just that with the same rows.

    Args:
        simulated: From `quantize`, trained or not.
        inputs: (N, *input shape) float32 rows, best those that the exporter calibrates with.

    Returns:
        A keras.Sequential of standard layers.
    """
    module = keras()
    steps = [layer for layer in simulated.layers if type(layer).__name__ != "InputLayer"]
    pixels = module.layers.Input(simulated.input_shape[1:], name=simulated.inputs[0].name)
    plain, factor = [pixels], 1.0
    rows = np.asarray(inputs, np.float32)
    for layer in steps:
        if isinstance(layer, SimulatedUnit):
            own, rows, factor = _deployed(layer, rows, factor)
            plain.append(own)
        elif isinstance(layer, SimulatedSoftmax):
            plain.append(module.layers.Softmax(name=layer.name))
        else:
            own = type(layer).from_config(layer.get_config())
            rows = _in_batches(own, rows)
            plain.append(own)
    return module.Sequential(plain, name=simulated.name)


def _simulated(step: Unit, bits: int) -> SimulatedUnit:
    layer, options = step.layer, None
    if type(layer).__name__ != "Dense":
        options = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    return SimulatedUnit(layer.name, step.kernel, step.bias, step.relu, step.softmax, options, depthwise, bits)


def _set_floor(unit: SimulatedUnit, rows: NDArray[np.float32]) -> None:
    """Shifts the logits so that 0 lies just below the second largest of nearly every row.

    Logits below 0 are then cut off, which costs nothing: the largest two of a row decide its answer, and softmax does
    not change if all logits are shifted. What remains is a range of often less than half the length, so that the 256
    levels of the int8 file lie closer and fewer rows end in a tie.
    """
    second = np.sort(_in_batches(unit.products, rows), axis=1)[:, -2]
    unit.bias.assign(np.asarray(unit.bias) - np.quantile(second, _CUT_SHARE))


def _begin_range(unit: SimulatedUnit, rows: NDArray[np.float32]) -> None:
    """Sets the range to what the rows show; of a ReLU, to the end with the least squared error."""
    values = _in_batches(unit.products, rows)
    values = np.maximum(values, 0) if unit.logits else values
    if not unit.relu:
        unit.low.assign(values.min())
        unit.high.assign(values.max())
        return
    positive = np.maximum(values, 0)
    ends = positive.max() * np.linspace(0.4, 1.0, 13) if positive.any() else np.ones(1)
    unit.high.assign(min(ends, key=lambda end: _rounding_error(positive, end)))


def _rounding_error(values: NDArray[np.float32], end: float) -> float:
    rounded = np.round(np.minimum(values, end) * (255 / end)) * (end / 255)
    return float(np.square(rounded - values).mean())


def _deployed(unit: SimulatedUnit, rows: NDArray[np.float32], factor: float) -> tuple[Any, NDArray[np.float32], float]:
    """A unit as a plain layer, that layer's output for the rows, and the factor by which this output is larger."""
    values = _in_batches(unit.products, rows / np.float32(factor))
    values = np.maximum(values, 0) if unit.logits else values
    if unit.relu:
        unit.high.assign(min(float(unit.high), max(float(values.max()), 1e-6)))
        scaled = _RELU_END / float(unit.high)
    else:
        unit.low.assign(min(float(values.min()), 0.0))
        unit.high.assign(max(float(values.max()), 0.0))
        scaled = 1.0
    activation = "relu6" if unit.relu else "relu" if unit.logits else "linear"
    layer = _plain_layer(unit, activation)
    layer.build((None, *rows.shape[1:]))
    kernel = np.asarray(unit.grid_kernel()) * np.float32(scaled / factor)
    layer.set_weights([kernel, np.asarray(unit.bias) * np.float32(scaled)])
    return layer, _in_batches(layer, rows), scaled


def _plain_layer(unit: SimulatedUnit, activation: str) -> Any:
    layers, shape = keras().layers, tuple(unit.kernel.shape)
    if unit.options is None:
        return layers.Dense(shape[-1], activation=activation, name=unit.name)
    if unit.depthwise:
        return layers.DepthwiseConv2D(
            shape[:2], depth_multiplier=shape[3], activation=activation, name=unit.name, **unit.options
        )
    return layers.Conv2D(shape[-1], shape[:2], activation=activation, name=unit.name, **unit.options)


def _in_batches(function: Any, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([np.asarray(function(rows[start : start + _BATCH])) for start in range(0, len(rows), _BATCH)])
