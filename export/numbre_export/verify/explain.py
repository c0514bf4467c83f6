"""Which layer costs the accuracy: every layer's signal-to-quantization-noise ratio on real rows.

Two figures for each layer of a TFLite model. "Up to here" compares the layer's output in the int8 file with the float32
file's, so it holds the noise of all layers before. "Alone" is the noise at the scores if this layer alone is int8 and
all others are float32 (Lin et al., "Fixed point quantization of deep convolutional networks", 2016, for the ratio; the
one-at-a-time analysis as in Wu et al., "Integer quantization for deep learning inference", 2020, section 6.1).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.engine import quiet_converter
from numbre_export.convert.tflite_graph import operator_name, read_tflite, tensor_types
from numbre_export.convert.to_tflite import quantize_tflite
from numbre_export.convert.variant import Variant, layer_of
from numbre_runtime.errors import ModelError
from numbre_runtime.manifest import TensorSpec
from numbre_runtime.tensors import dequantized, quantized

_QUIET_OPERATORS = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SHAPE", "STRIDED_SLICE", "PACK", "DELEGATE")
_WEIGHTED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL")
_MOST_LAYERS = 64
_CLIPPED = 0.0005
"""A share of values cut off from which on the range is called the cause."""
EXPLAINED_ROWS = 1000
"""Rows that tell enough of a layer."""


@dataclass(frozen=True)
class LayerNoise:
    """The noise that quantization adds in one layer."""

    layer: str
    """The layer's name in the Keras model, as far as the file tells."""
    tensor: str
    """Its output in the TFLite files."""
    operator: str
    """TFLite's name of what it does."""
    up_to_here: float | None
    """Decibels of signal over noise in the int8 file's output of this layer (higher is better)."""
    alone: float
    """Decibels of signal over noise in the scores if this layer alone is int8."""
    changed: int
    """Rows whose answer changes if this layer alone is int8."""
    error: float | None
    """Root mean square error of this layer's output in the int8 file, over that of the signal."""


@dataclass(frozen=True)
class LayerRange:
    """How an integer file stores the output of one layer."""

    layer: str
    """The layer's name, as far as the file tells."""
    decibels: float
    """Signal over noise of its output against the float file's (higher is better)."""
    clipped: float
    """Share of the float values that lie outside the range that the integers hold, 0–1."""
    cause: str
    """"range": the calibration's range cuts off values; "granularity": one scale for all channels of its weights;
    "steps": the integers' steps are wide for the values."""

    def __str__(self) -> str:
        words = {
            "range": f"its range cuts off {self.clipped:.2%} of the values: calibrate on more real rows",
            "granularity": "one weight scale serves all channels: quantize a channel at a time",
            "steps": "its integer steps are wide for the values: keep it in int16 or float32",
        }[self.cause]
        return f"layer {self.layer}: {self.decibels:.1f} dB signal over noise; {words}"


@dataclass(frozen=True)
class _Operator:
    """Something in a TFLite file that computes."""

    kind: str
    output: str
    names: str


def explain_layers(
    float32: bytes, int8: bytes, calibration: NDArray[np.float32], rows: NDArray[np.float32], layers: tuple[str, ...]
) -> list[LayerNoise]:
    """Examines every layer that computes, worst first.

    Args:
        float32: The float32 TFLite file.
        int8: The int8 TFLite file of the same model.
        calibration: (n, values) float32, what the network takes.
        rows: (m, values) float32, real rows that are neither calibrated with nor tested on.
        layers: The Keras model's layer names.

    Raises:
        ModelError: The model has more layers than can be examined, or the quantizer does not take it.
    """
    everything = _operators(float32)
    operators = [item for item in everything if item.kind in _WEIGHTED]
    if len(operators) > _MOST_LAYERS:
        raise ModelError(f"{len(operators)} layers; at most {_MOST_LAYERS} can be explained")
    plain = _outputs(float32, rows)
    quantized = _outputs(int8, rows)
    scores_name = everything[-1].output
    shaped = calibration.reshape(-1, *_input_shape(float32))
    findings = []
    for operator in operators:
        name = operator.output
        others = tuple(other.output for other in everything if other is not operator)
        single = quantize_tflite(float32, Variant("mixed", "tflite", kept=others), shaped)
        scores = next(iter(_outputs(single, rows, last=True).values()))
        here = quantized.get(name)
        findings.append(
            LayerNoise(
                layer=layer_of(operator.names, layers) or name.split("/")[-1],
                tensor=name,
                operator=operator.kind,
                up_to_here=None if here is None else decibels(plain[name], here),
                alone=decibels(plain[scores_name], scores),
                changed=int((scores.argmax(axis=-1) != plain[scores_name].argmax(axis=-1)).sum()),
                error=None if here is None else 10 ** (-decibels(plain[name], here) / 20),
            )
        )
    return sorted(findings, key=lambda item: (-item.changed, item.alone))


def layer_ranges(float32: bytes, int8: bytes, rows: NDArray[np.float32]) -> list[LayerRange]:
    """Compares the outputs of all layers that two TFLite files have in common, the noisiest first.

    Args:
        float32: The float file.
        int8: The integer file.
        rows: (N, values) float32, real rows.
    """
    plain, stored = _outputs(float32, rows), _outputs(int8, rows)
    grids = _grids(int8)
    coarse = _with_one_scale(int8)
    found = []
    for operator in _operators(float32):
        name = operator.output
        if operator.kind not in _WEIGHTED or name not in stored or name not in grids:
            continue
        low, high = grids[name]
        step = (high - low) / 255
        clipped = float(((plain[name] < low - step) | (plain[name] > high + step)).mean())
        cause = "range" if clipped > _CLIPPED else "granularity" if name in coarse else "steps"
        layer = name.split(";")[0].split("/")
        noise = decibels(plain[name], stored[name])
        found.append(LayerRange(layer[-2] if len(layer) > 1 else layer[0], noise, clipped, cause))
    return sorted(found, key=lambda item: item.decibels)


def _grids(content: bytes) -> dict[str, tuple[float, float]]:
    """The smallest and largest real value that each int8 tensor holds, by name."""
    graph = read_tflite(content).subgraphs[0]
    grids = {}
    for tensor in graph.tensors:
        grid = tensor.quantization
        if (
            tensor_types()[tensor.type] == "INT8"
            and grid is not None
            and grid.scale is not None
            and len(grid.scale) == 1
        ):
            scale, zero_point = float(grid.scale[0]), int(grid.zeroPoint[0])
            grids[tensor.name.decode()] = ((-128 - zero_point) * scale, (127 - zero_point) * scale)
    return grids


def _with_one_scale(content: bytes) -> set[str]:
    """Outputs of the layers whose weights have one scale for several channels."""
    model = read_tflite(content)
    graph = model.subgraphs[0]
    found = set()
    for operator in graph.operators:
        if operator_name(model.operatorCodes[operator.opcodeIndex]) in _WEIGHTED:
            grid = graph.tensors[operator.inputs[1]].quantization
            if grid is not None and grid.scale is not None and len(grid.scale) == 1:
                found.add(graph.tensors[operator.outputs[0]].name.decode())
    return found


def explanation_lines(layers: Sequence[LayerNoise]) -> list[str]:
    """The findings as a table in plain text; no line where there are none."""
    if not layers:
        return []
    heads = f"{'layer':24} {'operator':18} {'alone dB':>9} {'changed':>8} {'up to here dB':>14} {'error':>7}"
    lines = ["which layer costs the accuracy, worst first:", heads]
    for item in layers:
        here = "–" if item.up_to_here is None else f"{item.up_to_here:.1f}"
        error = "–" if item.error is None else f"{item.error:.1%}"
        lines.append(
            f"{item.layer[:24]:24} {item.operator.lower()[:18]:18} {item.alone:9.1f} {item.changed:8} {here:>14} "
            f"{error:>7}"
        )
    lines.append(f"the ladder (--auto) would keep {layers[0].layer} in int16 or float32 first")
    return lines


def decibels(signal: NDArray[Any], approximation: NDArray[Any]) -> float:
    """10 log10 of the signal's power over the error's; at most 200, where there is no error."""
    power = float(np.square(signal, dtype=np.float64).sum())
    noise = float(np.square(signal.astype(np.float64) - approximation).sum())
    if noise <= power * 1e-20:
        return 200.0
    return 10 * math.log10(power / noise) if power > 0 else 0.0


def _operators(content: bytes) -> list[_Operator]:
    """Everything that computes, in order."""
    model = read_tflite(content)
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        kind = operator_name(model.operatorCodes[operator.opcodeIndex])
        if kind not in _QUIET_OPERATORS:
            # The last output is named after the whole graph; weights and biases still tell the layer.
            tensors = [operator.outputs[0], *(index for index in operator.inputs[1:] if index >= 0)]
            names = [graph.tensors[index].name.decode() for index in tensors]
            found.append(_Operator(kind, names[0], ";".join(names)))
    return found


def _input_shape(content: bytes) -> tuple[int, ...]:
    graph = read_tflite(content).subgraphs[0]
    return tuple(int(size) for size in graph.tensors[graph.inputs[0]].shape[1:])


def _outputs(content: bytes, rows: NDArray[np.float32], last: bool = False) -> dict[str, NDArray[np.float32]]:
    """The real values of every computed tensor, by name, (rows, …)."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet_converter("LiteRT"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Delegates leave inner tensors empty.
        interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=not last, num_threads=1)
        model_input = interpreter.get_input_details()[0]
        shape = [len(rows), *(int(size) for size in model_input["shape"][1:])]
        interpreter.resize_tensor_input(model_input["index"], shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(model_input["index"], quantized(rows.reshape(shape), _tensor(model_input)))
        interpreter.invoke()
        computed = {operator.output for operator in _operators(content)}
        details = interpreter.get_output_details() if last else interpreter.get_tensor_details()
        return {
            item["name"]: dequantized(interpreter.get_tensor(item["index"]), _tensor(item))
            for item in details
            if last or item["name"] in computed
        }


def _tensor(details: dict[str, Any]) -> TensorSpec:
    """A tensor's type and scale from LiteRT's details; an integer tensor without a scale holds plain numbers."""
    scale, zero_point = details["quantization"]
    return TensorSpec(np.dtype(details["dtype"]).name, scale or 1.0, zero_point)
