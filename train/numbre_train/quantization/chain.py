"""A trained Keras model as a chain of units: convolution or dense layer, its batch normalization folded, its ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import NumbreError

KERNEL_LAYERS = ("Dense", "Conv2D", "DepthwiseConv2D")
"""Layers whose kernels are quantized."""
_UNCHANGED = ("Flatten", "Reshape", "MaxPooling2D", "ZeroPadding2D", "Permute")
"""Layers that hand values on without computing new ones; they keep their input's scale."""
_TRAINING_ONLY = ("Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise")
"""Layers that do nothing outside training."""


class QuantizeError(NumbreError, ValueError):
    """A model that quantization-aware training cannot simulate."""


@dataclass
class Unit:
    """One kernel layer with everything that its int8 operator computes at once."""

    layer: Any
    """The Dense, Conv2D or DepthwiseConv2D layer."""
    kernel: NDArray[np.float32]
    """Its kernel, batch normalization folded in, in Keras's layout."""
    bias: NDArray[np.float32]
    """(channels,) bias, batch normalization folded in."""
    relu: bool = False
    """Whether a ReLU follows."""
    softmax: bool = False
    """Whether a softmax follows; only the last unit has one."""


@dataclass
class Passage:
    """A layer that hands values on unchanged, such as Flatten or MaxPooling2D."""

    layer: Any
    """The layer."""


def chain_of(model: Any) -> list[Unit | Passage]:
    """The model's layers in order, with batch normalization folded into the kernels before it.

    Folding multiplies each output channel's weights by gamma / sqrt(variance + epsilon), as every converter does
    (Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference: a whitepaper", 2018, section 3.2).

    Args:
        model: A Sequential or functional Keras model without branches.

    Raises:
        QuantizeError: It has branches, or a layer or activation that is not known here.
    """
    steps: list[Unit | Passage] = []
    for layer in _layers_in_order(model):
        kind = type(layer).__name__
        if kind == "InputLayer" or kind in _TRAINING_ONLY:
            continue
        if kind in KERNEL_LAYERS:
            steps.append(_unit_of(layer))
        elif kind in _UNCHANGED:
            steps.append(Passage(layer))
        elif kind == "BatchNormalization":
            _fold(_last_unit(steps, layer), layer)
        elif kind in ("ReLU", "Activation", "Softmax"):
            _activate(_last_unit(steps, layer), "softmax" if kind == "Softmax" else _activation(layer), layer)
        else:
            known = ", ".join((*KERNEL_LAYERS, "BatchNormalization", "ReLU", "Softmax", *_UNCHANGED))
            raise QuantizeError(f"{layer.name} is a {kind}; quantization-aware training knows {known}")
    units = [step for step in steps if isinstance(step, Unit)]
    if not units:
        raise QuantizeError(f"{model.name} has no layer with a kernel to quantize")
    if any(unit.softmax for unit in units[:-1]):
        raise QuantizeError(f"{model.name} has a softmax before its end; expected one after the last layer at most")
    return steps


def _layers_in_order(model: Any) -> list[Any]:
    """The layers from input to output.

    Raises:
        QuantizeError: A layer has several inputs or is used several times, so there is no single order.
    """
    operations = list(getattr(model, "operations", model.layers))
    consumers: dict[int, int] = {}
    for operation in operations:
        inputs, outputs = _tensors(operation.input), _tensors(operation.output)
        if len(outputs) != 1 or len(inputs) != 1:
            raise QuantizeError(f"{operation.name} has {len(inputs)} inputs; expected a model without branches")
        if type(operation).__name__ != "InputLayer":
            consumers[id(inputs[0])] = consumers.get(id(inputs[0]), 0) + 1
    if any(count > 1 for count in consumers.values()):
        raise QuantizeError(f"{model.name} has branches; expected every layer to feed exactly one other")
    return operations


def _tensors(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _unit_of(layer: Any) -> Unit:
    kernel = np.asarray(layer.kernel)
    channels = layer.output.shape[-1]
    bias = np.asarray(layer.bias) if layer.use_bias else np.zeros(channels, np.float32)
    if getattr(layer, "data_format", "channels_last") != "channels_last" or getattr(layer, "groups", 1) != 1:
        raise QuantizeError(f"{layer.name}: expected channels last and one group")
    unit = Unit(layer, kernel, bias)
    _activate(unit, layer.activation.__name__, layer)
    return unit


def _activation(layer: Any) -> str:
    """The name of an activation layer's function.

    Raises:
        QuantizeError: It is a ReLU with a slope, a threshold or a largest value.
    """
    if type(layer).__name__ == "Activation":
        return str(layer.activation.__name__)
    if layer.negative_slope or layer.threshold or layer.max_value is not None:
        raise QuantizeError(f"{layer.name}: expected a plain ReLU, without slope, threshold or largest value")
    return "relu"


def _activate(unit: Unit, name: str, layer: Any) -> None:
    if name == "linear":
        return
    if unit.relu or unit.softmax or name not in ("relu", "softmax"):
        raise QuantizeError(f"{layer.name} has the activation {name} here; expected relu, and softmax at the end")
    unit.relu, unit.softmax = name == "relu", name == "softmax"


def _last_unit(steps: list[Unit | Passage], layer: Any) -> Unit:
    if not steps or not isinstance(steps[-1], Unit):
        raise QuantizeError(f"{layer.name} does not follow a dense layer or a convolution directly")
    return steps[-1]


def _fold(unit: Unit, layer: Any) -> None:
    if unit.relu or unit.softmax:
        raise QuantizeError(f"{layer.name} follows an activation; expected it right after a dense layer or convolution")
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    gamma = np.asarray(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = np.asarray(layer.beta) if layer.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + layer.epsilon)
    # A depthwise kernel is (height, width, channels, multiplier); its outputs are channels × multiplier.
    shaped = factor.reshape(unit.kernel.shape[2:]) if type(unit.layer).__name__ == "DepthwiseConv2D" else factor
    unit.kernel = (unit.kernel * shaped).astype(np.float32)
    unit.bias = ((unit.bias - mean) * factor + beta).astype(np.float32)
