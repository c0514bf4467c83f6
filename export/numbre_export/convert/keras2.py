"""Reading what Keras 2 wrote: mends the few differences in a .h5 model's description that Keras 3 does not know.

Keras 3's own reader of .h5 files knows most of Keras 2's descriptions. It stumbles over arguments that layers no longer
have, over a Sequential whose first layer has the input's shape, over models that are called inside others, and over
arithmetic that was recorded as TFOpLambda. The values of the model do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MODELS = ("Sequential", "Functional", "Model")
_GONE = ("time_major", "input_length", "batch_input_shape", "implementation", "rng_type")
"""Arguments that change nothing: Keras 3 feeds batches first, and learns shapes from the input."""
_GROUPLESS = (
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "Conv1DTranspose",
    "Conv2DTranspose",
)
_SEPARABLE = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
"""Arguments of separable convolutions that Keras 2 took from its base class and did not use."""
_RESCALED: dict[str, Callable[[float], tuple[float, float]]] = {
    "math.multiply": lambda value: (value, 0.0),
    "math.divide": lambda value: (1 / value, 0.0),
    "math.truediv": lambda value: (1 / value, 0.0),
    "__operators__.add": lambda value: (1.0, value),
    "math.add": lambda value: (1.0, value),
    "math.subtract": lambda value: (1.0, -value),
}
"""TFOpLambda's function of a tensor and a number, as scale and offset."""
_ACTIVATIONS = {
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.softmax": "softmax",
    "nn.sigmoid": "sigmoid",
    "math.sigmoid": "sigmoid",
    "math.tanh": "tanh",
    "nn.silu": "silu",
}


def mend_keras2(config: Any) -> Any:
    """The description of a model, with what Keras 3 does not know taken out or said in its way.

    Args:
        config: The parsed attribute `model_config` of a .h5 file; it is changed.

    Example:
        >>> layer = {"class_name": "DepthwiseConv2D", "config": {"kernel_size": [3, 3], "groups": 1}}
        >>> mend_keras2(layer)["config"]
        {'kernel_size': [3, 3]}
    """
    if isinstance(config, list):
        for item in config:
            mend_keras2(item)
    elif isinstance(config, dict):
        module = str(config.get("module"))
        if module.startswith(("keras.src.", "tf_keras.src.")):
            # Modules of Keras 2 that are gone; Keras 3 finds its own classes by their names alone.
            del config["module"]
            config.pop("registered_name", None)
        elif module.startswith("tf_keras."):
            config["module"] = module.removeprefix("tf_")
        inner = config.get("config")
        if isinstance(inner, dict) and isinstance(config.get("class_name"), str):
            _mend_layer(config, inner)
        for item in config.values():
            mend_keras2(item)
    return config


def _mend_layer(layer: dict[str, Any], config: dict[str, Any]) -> None:
    kind = layer["class_name"]
    layers = config.get("layers")
    if kind in _MODELS and isinstance(layers, list) and layers and all(isinstance(item, dict) for item in layers):
        if kind == "Sequential":
            _name_input(config, layers)
        else:
            _count_calls(config, layers)
            for key in ("input_layers", "output_layers"):
                # A list of one means one tensor in Keras 2, and a list in Keras 3.
                if isinstance(config.get(key), list) and len(config[key]) == 1 and isinstance(config[key][0], list):
                    config[key] = config[key][0]
    if kind == "TFOpLambda":
        _name_operator(layer, config)
    if kind in _GROUPLESS and config.get("groups") == 1:
        del config["groups"]
    if kind.startswith("SeparableConv"):
        for name in _SEPARABLE:
            config.pop(name, None)
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if kind != "InputLayer":
        for name in _GONE:
            config.pop(name, None)


def _name_input(config: dict[str, Any], layers: list[Any]) -> None:
    """Puts the layer that Keras 3 wants for the input in front of a first layer that has the input's shape."""
    first = layers[0].get("config")
    shape = first.get("batch_input_shape") if isinstance(first, dict) else None
    if layers[0].get("class_name") == "InputLayer" or not isinstance(shape, list):
        return
    name = f"{config.get('name', 'model')}_input"
    entry = {"batch_input_shape": shape, "dtype": "float32", "name": name}
    layers.insert(0, {"class_name": "InputLayer", "config": entry})


def _count_calls(config: dict[str, Any], layers: list[Any]) -> None:
    """Counts the calls of models inside this one from 0; Keras 2 counts their own construction as the first call."""
    models = {item.get("name") for item in layers if item.get("class_name") in _MODELS}
    references = [
        reference
        for item in (*(layer.get("inbound_nodes") for layer in layers), config.get("output_layers"))
        for reference in _references(item)
        if reference[0] in models
    ]
    if references and min(reference[1] for reference in references) == 1:
        for reference in references:
            reference[1] -= 1


def _references(item: Any) -> list[list[Any]]:
    """Every [layer name, call, output, …] in nested lists."""
    if not isinstance(item, list):
        return []
    if len(item) >= 3 and isinstance(item[0], str) and isinstance(item[1], int):
        return [item]
    return [reference for inner in item for reference in _references(inner)]


def _name_operator(layer: dict[str, Any], config: dict[str, Any]) -> None:
    """Says arithmetic with a number as Rescaling and an activation as Activation; other functions stay unknown."""
    function, name = config.get("function"), config.get("name")
    references = _references(layer.get("inbound_nodes"))
    if len(references) != 1 or len(references[0]) < 4 or not isinstance(references[0][3], dict):
        return
    arguments = {key: value for key, value in references[0][3].items() if value is not None and key != "name"}
    number = arguments.get("y")
    if function in _RESCALED and set(arguments) == {"y"} and isinstance(number, int | float) and number != 0:
        scale, offset = _RESCALED[function](number)
        layer["class_name"], layer["config"] = "Rescaling", {"name": name, "scale": scale, "offset": offset}
    elif function in _ACTIVATIONS and not arguments:
        layer["class_name"], layer["config"] = "Activation", {"name": name, "activation": _ACTIVATIONS[function]}
    else:
        return
    references[0][3] = {}
    layer["inbound_nodes"] = [references]
