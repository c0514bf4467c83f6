"""The numpy backend's kernels, bit for bit against LiteRT's own (no delegate) on random layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import example, given, settings
from hypothesis import strategies as st

from numbre_runtime.backends.integer import open_model
from runtime.tflite_builder import OneLayer, litert_output

_ZERO = st.integers(-128, 127)
_POWER = st.sampled_from([2.0**power for power in range(-10, -2)])
"""Scales of which products are powers of two as well, so that sums lie just between two outputs."""
_SCALE = st.floats(2**-12, 2**-2, width=32) | _POWER
_ACTIVATION = st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
_PADDING = st.sampled_from(["SAME", "VALID"])
_SEED = st.integers(0, 2**32 - 1)
_EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


def _agrees(layer: OneLayer, generator: np.random.Generator, images: int = 4) -> None:
    """Random inputs, and the two extremes everywhere."""
    content = layer.build()
    rows = generator.integers(-128, 128, (images, *layer.source[1:]), np.int8)
    rows[0], rows[1] = -128, 127
    expected = litert_output(content, rows)
    found = open_model(content, 1).run(rows)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def _scales(count: int) -> st.SearchStrategy[list[float]]:
    return st.lists(_SCALE, min_size=count, max_size=count)


def _weights(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Random weights, in one channel of two the largest, so that outputs saturate."""
    weights = generator.integers(-128, 128, shape, np.int8)
    if generator.random() < 0.5:
        weights[..., 0] = generator.choice([-128, 127])
    return weights


@_EXAMPLES
@given(st.data(), _SEED)
def test_fully_connected(data: st.DataObject, seed: int) -> None:
    generator = np.random.default_rng(seed)
    inputs, outputs = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 40))
    count = outputs if data.draw(st.booleans()) else 1
    largest = 2 ** data.draw(st.integers(4, 24))
    _agrees(
        OneLayer(
            "FULLY_CONNECTED",
            (1, inputs),
            (1, outputs),
            source_scale=data.draw(_SCALE),
            source_zero=data.draw(_ZERO),
            output_scale=data.draw(_SCALE),
            output_zero=data.draw(_ZERO),
            weights=_weights(generator, (outputs, inputs)),
            weight_scales=data.draw(_scales(count)),
            bias=generator.integers(-largest, largest, outputs, np.int32) if data.draw(st.booleans()) else None,
            version=4,
            kind="FullyConnectedOptions",
            options={
                "fusedActivationFunction": getattr(schema.ActivationFunctionType, data.draw(_ACTIVATION)),
            },
        ),
        generator,
    )


def _spatial(data: st.DataObject) -> dict[str, Any]:
    return {
        "padding": getattr(schema.Padding, data.draw(_PADDING)),
        "strideH": data.draw(st.integers(1, 3)),
        "strideW": data.draw(st.integers(1, 3)),
        "fusedActivationFunction": getattr(schema.ActivationFunctionType, data.draw(_ACTIVATION)),
    }


def _output(source: tuple[int, int], size: tuple[int, int], options: dict[str, Any]) -> tuple[int, int]:
    steps = (options["strideH"], options["strideW"])
    if options["padding"] == schema.Padding.SAME:
        return -(-source[0] // steps[0]), -(-source[1] // steps[1])
    dilation = (options.get("dilationHFactor", 1), options.get("dilationWFactor", 1))
    spans = [(kernel - 1) * step + 1 for kernel, step in zip(size, dilation, strict=True)]
    return (source[0] - spans[0]) // steps[0] + 1, (source[1] - spans[1]) // steps[1] + 1


@_EXAMPLES
@given(st.data(), _SEED, st.booleans())
def test_convolutions(data: st.DataObject, seed: int, depthwise: bool) -> None:
    generator = np.random.default_rng(seed)
    picture = (data.draw(st.integers(7, 12)), data.draw(st.integers(7, 12)))
    size = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    depth, times = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 8))
    options = _spatial(data)
    if data.draw(st.booleans()):
        # LiteRT itself wants a stride of 1 with a dilation.
        options.update(strideH=1, strideW=1, dilationHFactor=data.draw(st.integers(1, 3)), dilationWFactor=2)
    channels = depth * times if depthwise else times
    shape = (1, *size, channels) if depthwise else (channels, *size, depth)
    if depthwise:
        options["depthMultiplier"] = times
    count = channels if data.draw(st.booleans()) else 1
    _agrees(
        OneLayer(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
            (1, *picture, depth),
            (1, *_output(picture, size, options), channels),
            source_scale=data.draw(_SCALE),
            source_zero=data.draw(_ZERO),
            output_scale=data.draw(_SCALE),
            output_zero=data.draw(_ZERO),
            weights=_weights(generator, shape),
            weight_scales=data.draw(_scales(count)),
            channel_axis=3 if depthwise else 0,
            bias=generator.integers(-(2**20), 2**20, channels, np.int32),
            version=3,
            kind="DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
            options=options,
        ),
        generator,
    )


@_EXAMPLES
@given(st.data(), _SEED, st.booleans())
def test_pools(data: st.DataObject, seed: int, average: bool) -> None:
    generator = np.random.default_rng(seed)
    picture = (data.draw(st.integers(4, 12)), data.draw(st.integers(4, 12)))
    size, depth = (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))), data.draw(st.integers(1, 20))
    options = {**_spatial(data), "filterHeight": size[0], "filterWidth": size[1]}
    scale, zero = data.draw(_SCALE), data.draw(_ZERO)
    _agrees(
        OneLayer(
            "AVERAGE_POOL_2D" if average else "MAX_POOL_2D",
            (1, *picture, depth),
            (1, *_output(picture, size, options), depth),
            scale,
            zero,
            scale,
            zero,
            version=2,
            kind="Pool2DOptions",
            options=options,
        ),
        generator,
    )


@_EXAMPLES
@given(
    st.integers(1, 300),
    st.floats(2**-10, 2.0, width=32),
    _ZERO,
    st.sampled_from([0.5, 1.0, 2.0]),
    _SEED,
)
@example(10, 0.09, 17, 1.0, 0)
def test_softmax(classes: int, scale: float, zero: int, beta: float, seed: int) -> None:
    """Within one step: LiteRT's optimized softmax on x86-64 computes in float32, the numpy backend in integers."""
    generator = np.random.default_rng(seed)
    layer = OneLayer(
        "SOFTMAX", (1, classes), (1, classes), scale, zero, 1 / 256, -128,
        version=2, kind="SoftmaxOptions", options={"beta": beta},
    )  # fmt: skip
    content = layer.build()
    rows = generator.integers(-128, 128, (6, classes), np.int8)
    rows[0] = 5
    found, expected = open_model(content, 1).run(rows), litert_output(content, rows)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_reshape() -> None:
    layer = OneLayer("RESHAPE", (1, 4, 3, 2), (1, 24), 0.1, 3, 0.1, 3)
    rows = np.arange(48, dtype=np.int8).reshape(2, 4, 3, 2)
    np.testing.assert_array_equal(open_model(layer.build(), 1).run(rows), rows.reshape(2, 24))


@pytest.mark.parametrize("seed", range(3))
def test_sums_beyond_float32_stay_exact(seed: int) -> None:
    """3,000 products pass 2²⁴, where float32 begins to round; the bias brings them back to where every unit shows."""
    generator = np.random.default_rng(seed)
    weights = generator.integers(100, 128, (4, 3000)).astype(np.int8)
    weights[:, 0], weights[:, 1] = 1, 2
    bias = -255 * weights.sum(axis=1, dtype=np.int32)
    layer = OneLayer(
        "FULLY_CONNECTED", (1, 3000), (1, 4), 0.5, -128, 0.5, 3,
        weights, [1.0], bias=bias, version=4, kind="FullyConnectedOptions",
    )  # fmt: skip
    rows = np.full((30, 3000), 127, np.int8)
    rows[:, 0] -= np.arange(30, dtype=np.int8)
    rows[15:, 1] -= 20
    expected = (3 - np.arange(30) - 40 * (np.arange(30) >= 15))[:, None].repeat(4, axis=1)
    content = layer.build()
    np.testing.assert_array_equal(litert_output(content, rows), expected)
    np.testing.assert_array_equal(open_model(content, 1).run(rows), expected)
