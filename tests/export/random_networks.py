"""Random int8 networks: layers of every kind that the C kernels know, with random weights, scales and zero points."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from numbre_runtime.kernels.tflite_file import Layer, read_layers
from runtime.tflite_builder import OneLayer

_KINDS = ("CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED", "SOFTMAX")


def random_network(generator: np.random.Generator) -> list[Layer]:
    """A chain of one to six layers that the numpy backend runs."""
    shape: tuple[int, ...] = (1, *(int(side) for side in generator.integers(3, 12, 2)), int(generator.integers(1, 12)))
    scale, zero = _scale(generator), int(generator.integers(-128, 128))
    layers: list[Layer] = []
    for _ in range(int(generator.integers(1, 7))):
        drawn = None
        while drawn is None:
            drawn = _draw(generator, str(generator.choice(_KINDS)), shape, scale, zero)
        layer = read_layers(drawn.build())[0]
        if layers:
            # As in a file, where a layer reads the very tensor that the one before has written.
            layer = dataclasses.replace(layer, inputs=(layers[-1].output, *layer.inputs[1:]))
        layers.append(layer)
        shape, scale, zero = drawn.output, drawn.output_scale, drawn.output_zero
        if len(shape) == 2 and generator.random() < 0.5:
            break
    return layers


def _scale(generator: np.random.Generator) -> float:
    """Half of the scales are powers of two, so that sums lie just between two outputs."""
    power = generator.uniform(-10, -1)
    return float(np.float32(2.0 ** (round(power) if generator.random() < 0.5 else power)))


def _two(generator: np.random.Generator, largest: int) -> tuple[int, int]:
    return int(generator.integers(1, largest + 1)), int(generator.integers(1, largest + 1))


def _draw(
    generator: np.random.Generator, kind: str, shape: tuple[int, ...], scale: float, zero: int
) -> OneLayer | None:
    """One layer, or None if such a layer does not fit the shape."""
    activation = int(generator.integers(0, 4))
    new_scale, new_zero = _scale(generator), int(generator.integers(-128, 128))
    if kind == "SOFTMAX":
        return OneLayer(
            kind, shape, shape, scale, zero, 1 / 256, -128, kind="SoftmaxOptions", options={"beta": 1.0}, version=2
        )
    if kind == "FULLY_CONNECTED":
        values, rows = int(np.prod(shape[1:])), int(generator.integers(1, 40))
        return OneLayer(
            kind, shape, (1, rows), scale, zero, new_scale, new_zero,
            weights=generator.integers(-128, 128, (rows, values), np.int8),
            weight_scales=[_scale(generator)], bias=_bias(generator, rows), version=4,
            kind="FullyConnectedOptions", options={"fusedActivationFunction": activation},
        )  # fmt: skip
    if len(shape) != 4:
        return None
    size, steps = _two(generator, 4), _two(generator, 3)
    if kind == "MAX_POOL_2D" and generator.random() < 0.5:
        steps = size
    dilation = (1, 1)
    if kind.endswith("CONV_2D") and generator.random() < 0.3:
        steps, dilation = (1, 1), _two(generator, 3)
    same = bool(generator.random() < 0.5)
    spans = [(side - 1) * step + 1 for side, step in zip(size, dilation, strict=True)]
    if not same and any(span > side for span, side in zip(spans, shape[1:3], strict=True)):
        return None
    output = [
        -(-side // step) if same else (side - span) // step + 1
        for side, step, span in zip(shape[1:3], steps, spans, strict=True)
    ]
    options: dict[str, Any] = {
        "padding": schema.Padding.SAME if same else schema.Padding.VALID,
        "strideH": steps[0],
        "strideW": steps[1],
        "fusedActivationFunction": activation if generator.random() < 0.5 else 0,
    }
    depth = shape[3]
    if kind.endswith("POOL_2D"):
        options |= {"filterHeight": size[0], "filterWidth": size[1]}
        return OneLayer(
            kind, shape, (1, *output, depth), scale, zero, scale, zero, version=2, kind="Pool2DOptions", options=options
        )
    options |= {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]}
    times = int(generator.integers(1, 20 if kind == "CONV_2D" else 4))
    depthwise = kind == "DEPTHWISE_CONV_2D"
    channels = depth * times if depthwise else times
    if depthwise:
        options["depthMultiplier"] = times
    return OneLayer(
        kind, shape, (1, *output, channels), scale, zero, new_scale, new_zero,
        weights=generator.integers(-128, 128, (1, *size, channels) if depthwise else (channels, *size, depth), np.int8),
        weight_scales=[_scale(generator) for _ in range(channels if generator.random() < 0.7 else 1)],
        channel_axis=3 if depthwise else 0, bias=_bias(generator, channels), version=3,
        kind="DepthwiseConv2DOptions" if depthwise else "Conv2DOptions", options=options,
    )  # fmt: skip


def _bias(generator: np.random.Generator, channels: int) -> Any:
    largest = 2 ** int(generator.integers(4, 30))
    return generator.integers(-largest, largest, channels, np.int32) if generator.random() < 0.8 else None
