"""An int8 TFLite model as a list of layers in JSON, ready to be computed by interpreter.js.

All that depends on real numbers (multipliers, shifts, activation ranges, softmax's exponentials) is worked out here, by
the functions that the NumPy backend itself uses, so that both compute with the same whole numbers.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.integer import open_model
from numbre_runtime.errors import BackendUnsupportedError, DataError
from numbre_runtime.kernels.pooling import pool_windows
from numbre_runtime.kernels.product import bias_values, weight_values
from numbre_runtime.kernels.requantize import activation_range, channel_scales, int8_tensor, upward_channels
from numbre_runtime.kernels.softmax import addends_of, exponentials_below
from numbre_runtime.kernels.tflite_file import Layer, read_layers
from numbre_runtime.kernels.windows import Windows, layer_windows, picture_shape
from numbre_runtime.manifest import Artifact, InputSpec, Manifest
from numbre_runtime.tensors import encoder

Plan = dict[str, Any]

_ALL_PIXELS = np.arange(256, dtype=np.uint8)


def layers_of(content: bytes) -> list[Plan]:
    """The layers of an int8 TFLite file, in the order they run.

    Args:
        content: The file.

    Raises:
        BackendUnsupportedError: The NumPy backend does not compute it.
        BackendError: The file is damaged.
    """
    open_model(content, 1)
    layers = read_layers(content)
    for layer in layers:
        if layer.name not in _LAYERS:
            raise BackendUnsupportedError(
                f"{layer.name} is not computed in a page; expected one of {', '.join(_LAYERS)}"
            )
    return [{"op": layer.name, **_LAYERS[layer.name](layer)} for layer in layers]


def model_of(content: bytes, artifact: Artifact, manifest: Manifest) -> Plan:
    """A model with all that a page needs to use it.

    Args:
        content: The artifact's file, int8 TFLite.
        artifact: What the manifest says of it.
        manifest: The bundle's manifest.

    Raises:
        DataError: It takes no pictures of a digit.
        BackendUnsupportedError: The NumPy backend does not compute it.
    """
    output = artifact.output
    return {
        "name": manifest.name,
        "artifact": artifact.file,
        "sha256": artifact.sha256,
        "labels": list(manifest.labels),
        "none_label": manifest.none_label,
        "threshold": manifest.threshold,
        "softmax": manifest.output == "logits",
        "scale": output.scale,
        "zero": output.zero_point,
        "stored": _text(_stored_pixels(manifest.input, artifact)),
        "layers": layers_of(content),
    }


def _stored_pixels(spec: InputSpec, artifact: Artifact) -> NDArray[np.int8]:
    """(256,): what the model stores for each pixel value."""
    if spec.picture != "mnist" or spec.dtype != "uint8":
        raise DataError("a page to draw on needs a model of pictures in MNIST's form; this one takes something else")
    rows = np.repeat(_ALL_PIXELS[:, None], math.prod(spec.shape), axis=1)
    stored = encoder(spec, artifact.input)(rows).astype(np.int8)
    if (stored != stored[:, :1]).any():
        raise DataError("a page to draw on needs one preprocessing for all pixels; this model has one for each column")
    return stored[:, 0]


def _text(values: NDArray[Any]) -> str:
    """The bytes of an array, little-endian, in base64."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def _scaling(layer: Layer, activation: int, channels: int) -> Plan:
    """From sums to the layer's output."""
    multipliers, shifts = channel_scales(layer, channels)
    low, high = activation_range(activation, int8_tensor(layer.output))
    return {
        "multipliers": _text(multipliers.astype(np.int32)),
        "shifts": _text(shifts.astype(np.int32)),
        "upward": upward_channels(layer, channels),
        "zero": int8_tensor(layer.output).zero_point,
        "low": low,
        "high": high,
    }


def _weights(layer: Layer, rank: int, channels: int) -> Plan:
    bias = layer.inputs[2] if len(layer.inputs) > 2 else None
    sums = np.zeros(channels, np.int64) if bias is None else bias_values(bias, channels)
    return {
        "weights": _text(weight_values(int8_tensor(layer.inputs[1]), rank)),
        "bias": _text(sums.astype(np.int32)),
        "inputZero": int8_tensor(layer.inputs[0]).zero_point,
    }


def _window(layer: Layer, windows: Windows) -> Plan:
    height, width, depth = picture_shape(int8_tensor(layer.inputs[0]).shape)
    (top, _), (left, _) = windows.pads(height, width)
    return {
        "source": [height, width, depth],
        "target": list(picture_shape(int8_tensor(layer.output).shape)),
        "size": list(windows.size),
        "stride": list(windows.stride),
        "dilation": list(windows.dilation),
        "before": [top, left],
    }


def _convolution(layer: Layer) -> Plan:
    channels = picture_shape(int8_tensor(layer.output).shape)[2]
    activation = layer.options.scalar(3 if layer.name == "CONV_2D" else 4, "b")
    return {
        **_window(layer, layer_windows(layer)),
        **_weights(layer, 4, channels),
        **_scaling(layer, activation, channels),
    }


def _dense(layer: Layer) -> Plan:
    channels, values = int8_tensor(layer.inputs[1]).shape
    return {
        "inputs": values,
        **_weights(layer, 2, channels),
        **_scaling(layer, layer.options.scalar(0, "b"), channels),
    }


def _pool(layer: Layer) -> Plan:
    windows, low, high = pool_windows(layer)
    return {**_window(layer, windows), "low": low, "high": high}


def _softmax(layer: Layer) -> Plan:
    exponentials = exponentials_below(layer)
    return {
        "exponentials": _text(exponentials.astype(np.int32)),
        "addends": _text(addends_of(exponentials).astype(np.int32)),
        "classes": int8_tensor(layer.output).shape[-1],
    }


_LAYERS: dict[str, Callable[[Layer], Plan]] = {
    "AVERAGE_POOL_2D": _pool,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _pool,
    "RESHAPE": lambda _: {},
    "SOFTMAX": _softmax,
}
"""The operators that the NumPy backend computes, each with what describes it to interpreter.js."""


def int8_artifact(manifest: Manifest) -> Artifact:
    """The bundle's first TFLite file that is int8 from its input to its output.

    Raises:
        BackendUnsupportedError: There is none.
    """
    for artifact in manifest.artifacts:
        ends = {artifact.input.dtype, artifact.output.dtype}
        if (artifact.format, artifact.precision) == ("tflite", "int8") and ends == {"int8"}:
            return artifact
    raise BackendUnsupportedError("no TFLite file in this bundle is int8 throughout; export one with --int8")
