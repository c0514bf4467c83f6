"""Rebuilds a Keras model in the form that both converters take, with the same function.

- float32 throughout: converters do not take the casts of mixed precision, nor the int8 kernels of `model.quantize`;
- pixels as uint8 become float32 inputs, which hold them exactly;
- recurrent layers unrolled: TensorFlow Lite has no operator for the lists that a loop over time steps keeps;
- one sigmoid score becomes two softmax scores: softmax([−z/2, z/2]) is [1 − sigmoid(z), sigmoid(z)].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from numbre_export.convert.engine import keras
from numbre_runtime.errors import ModelError

MOST_STEPS = 256
"""Time steps that are unrolled; each adds some ten operators to the file."""
_PIXELS = ("uint8", "float16", "bfloat16", "float64")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN")


def rebuild(model: Any) -> tuple[Any, tuple[str, ...]]:
    """The model in that form, and what was changed, in words; the very model where nothing had to be."""
    config = keras().saving.serialize_keras_object(model)
    notes = tuple(dict.fromkeys(note for entry in _objects(config) for note in _mend(entry, model)))
    if not notes:
        return model, ()
    rebuilt = keras().saving.deserialize_keras_object(config)
    if not rebuilt.built:
        rebuilt.build(model.input_shape)
    for old, new in zip(_leaves(model), _leaves(rebuilt), strict=True):
        _copy_weights(old, new)
    return rebuilt, notes


def two_scores(model: Any) -> Any:
    """A model of one sigmoid score p as one of the scores [1 − p, p]."""
    module = keras()
    last = model.outputs[0]._keras_history.operation
    if isinstance(last, module.layers.Dense):
        head = module.layers.Dense(2, "softmax", use_bias=last.use_bias, name=last.name)
        rebuilt = module.Model(model.inputs, head(last.input), name=model.name)
        head.set_weights([np.concatenate([-half, half], axis=-1) for half in (w / 2 for w in last.get_weights())])
        return rebuilt
    score = model.outputs[0]
    return module.Model(model.inputs, module.ops.concatenate([1 - score, score], axis=-1), name=model.name)


def ends_in_sigmoid(model: Any) -> bool:
    """Whether the model's scores come out of a sigmoid, each for itself."""
    operation = model.outputs[0]._keras_history.operation
    while operation.__class__.__name__ in ("Sequential", "Functional", "Flatten", "Reshape"):
        inner = operation.outputs[0] if hasattr(operation, "outputs") else operation.input
        operation = inner._keras_history.operation
    activation = getattr(operation, "activation", None)
    return str(getattr(activation, "__name__", operation.__class__.__name__)).lower() == "sigmoid"


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every layer's description, outer ones first."""
    if isinstance(config, dict):
        if "class_name" in config and isinstance(config.get("config"), dict):
            yield config
        for value in config.values():
            yield from _objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from _objects(value)


def _mend(entry: dict[str, Any], model: Any) -> Iterator[str]:
    """Changes a layer's description; yields what was changed, in words."""
    config = entry["config"]
    dtype = config.get("dtype")
    name = dtype["config"].get("name", "") if isinstance(dtype, dict) and "config" in dtype else dtype
    if entry["class_name"] == "InputLayer":
        if name in _PIXELS:
            config["dtype"] = "float32"
            yield f"its {name} input is converted and judged as float32"
        return
    if isinstance(dtype, dict) and "mode" in dtype.get("config", {}):
        config["dtype"] = "float32"
        config.pop("quantization_config", None)
        yield "its layers that Keras quantized are converted and judged in float32, with the weights as they are"
    elif isinstance(name, str) and name in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"):
        config["dtype"] = "float32"
        yield f"its {name} layers are converted and judged in float32"
    if entry["class_name"] in _RECURRENT and not config.get("unroll"):
        steps = [shape[1] for shape in (tensor.shape for tensor in model.inputs) if len(shape) > 2]
        if all(isinstance(count, int) and count <= MOST_STEPS for count in steps):
            config["unroll"] = True
            yield "its recurrent layers are unrolled, step by step"


def _leaves(model: Any) -> list[Any]:
    """All layers that hold no others, in order."""
    return [layer for layer in model._flatten_layers(include_self=False) if not layer._layers]


def _copy_weights(old: Any, new: Any) -> None:
    values = {weight.name: np.asarray(weight) for weight in old.weights}
    for weight in new.weights:
        value = values[weight.name]
        if value.dtype == np.int8:
            value = _real(value, values.get(f"{weight.name}_scale"), old)
        weight.assign(value.astype(np.float32) if value.dtype.kind == "f" else value)


def _real(stored: Any, scale: Any, layer: Any) -> Any:
    """The real weights of an int8 kernel; Keras stores it with one scale an output, of an embedding one a word."""
    kind = layer.__class__.__name__
    axis = {"Dense": -1, "Embedding": 0}.get(kind)
    if scale is None or axis is None or np.size(scale) != stored.shape[axis]:
        raise ModelError(
            f"the layer {layer.name} was quantized by Keras in a way that is not read; export the model as it was "
            "before model.quantize"
        )
    return stored / (np.reshape(scale, (-1, 1)) if axis == 0 else np.reshape(scale, (1, -1)))
