"""The network of a bundle as a Keras model that can go on learning, rebuilt from the bundle's float TFLite file.

Layers: those of dense and plain convolutional networks, one after the other. Batch normalization has become part of
its convolution when the bundle was exported, and stays so.
"""

from __future__ import annotations

from typing import Any

from numbre_runtime.errors import BackendUnsupportedError, ModelError
from numbre_runtime.kernels.tflite_file import Layer, read_graph
from numbre_runtime.kernels.windows import layer_windows
from numbre_train.keras_engine import keras

_ACTIVATIONS = {0: "linear", 1: "relu", 3: "relu6", 4: "tanh"}
"""schema.fbs ActivationFunctionType."""
_ACTIVATION_FIELD = {"FULLY_CONNECTED": 0, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "MAX_POOL_2D": 5}
_PADDINGS = ("same", "valid")


def float_network(content: bytes, name: str = "network") -> Any:
    """A Keras model that computes what a float TFLite file computes, with all its weights trainable.

    Args:
        content: The file.
        name: The model's name.

    Returns:
        A keras.Sequential model; its input and its output have the shapes of the file's.

    Raises:
        ModelError: It is no chain of layers that are known here, or holds integers.
    """
    try:
        graph = read_graph(content)
    except BackendUnsupportedError as reason:
        raise ModelError(f"the bundle's float network cannot go on learning: {reason}") from reason
    number, layers, weights = graph.input_number, [keras().layers.Input(graph.input.shape[1:])], list[Any]()
    for layer in graph.layers:
        if layer.reads != (number,) or layer.output.dtype != "float32":
            raise ModelError("the bundle's float network cannot go on learning: expected float layers in one chain")
        number = layer.writes[0]
        layers.append(_keras_layer(layer))
        weights += _weights(layer)
    model = keras().Sequential(layers, name=name)
    model.set_weights(weights)
    return model


def _keras_layer(layer: Layer) -> Any:
    kinds, name = keras().layers, layer.name
    if name == "RESHAPE":
        return kinds.Reshape(layer.output.shape[1:])
    if name == "SOFTMAX":
        return kinds.Softmax()
    if name not in _ACTIVATION_FIELD:
        raise ModelError(f"the bundle's float network cannot go on learning: it has a layer {name}")
    code = layer.options.scalar(_ACTIVATION_FIELD[name], "b")
    if code not in _ACTIVATIONS:
        raise ModelError(f"the bundle's float network cannot go on learning: activation {code} of {name} is not known")
    activation = _ACTIVATIONS[code]
    if name == "FULLY_CONNECTED":
        return kinds.Dense(layer.output.shape[-1], activation=activation)
    windows = layer_windows(layer)
    common = {"strides": windows.stride, "padding": _PADDINGS[windows.padding]}
    if name == "MAX_POOL_2D":
        return kinds.MaxPooling2D(windows.size, **common)
    common |= {"dilation_rate": windows.dilation, "activation": activation}
    if name == "CONV_2D":
        return kinds.Conv2D(layer.output.shape[-1], windows.size, **common)
    return kinds.DepthwiseConv2D(windows.size, depth_multiplier=layer.options.scalar(3, "i"), **common)


def _weights(layer: Layer) -> list[Any]:
    """A layer's constants in Keras's order of axes."""
    if layer.name not in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"):
        return []
    kernel, bias = (None if tensor is None else tensor.values for tensor in layer.inputs[1:3])
    if kernel is None or bias is None:
        raise ModelError(f"the bundle's float network cannot go on learning: a layer {layer.name} without its weights")
    if layer.name == "FULLY_CONNECTED":
        return [kernel.T, bias]
    if layer.name == "CONV_2D":
        return [kernel.transpose(1, 2, 3, 0), bias]
    channels = layer.inputs[0].shape[-1] if layer.inputs[0] is not None else 1
    return [kernel[0].reshape(*kernel.shape[1:3], channels, -1), bias]
