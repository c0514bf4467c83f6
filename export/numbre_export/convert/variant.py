"""The ways to store a model: what each precision means in each format, and what it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """All that decides how a model file is made."""

    precision: str
    """One of `numbre_runtime.manifest.PRECISIONS`."""
    format: str
    """"tflite" or "onnx"."""
    io: str = "default"
    """Input and output of an integer file: "int8", "uint8", "float32" or "default", see `io_dtype`."""
    granularity: str = "default"
    """Weights' scales: "tensor", "channel", or "default": one a channel for convolutions, one a tensor for dense
    layers."""
    method: str = "minmax"
    """How ranges are found: "minmax"; for ONNX also "percentile" and "entropy"; for TFLite also "octav", which clips
    weights where the mean squared error is least."""
    weights: str = "int8"
    """How integer ONNX files store weights: "int8", within [−127, 127]; "int7", within [−64, 64] but for depthwise
    convolutions; "uint8", and activations as well. On processors without VNNI, ONNX Runtime adds two products of int8
    weights in 16 bits and cuts off what is too large; with the other two it cannot be too large."""
    kept: tuple[str, ...] = ()
    """Layers of a mixed file that are not int8: their output tensors in TFLite, their Keras names for ONNX."""
    kept_as: str = "float32"
    """What those layers are: "float32", or "int16" activations (TFLite alone)."""

    @property
    def file(self) -> str:
        """File name inside a bundle."""
        return f"model.{self.precision}.{self.format}"

    @property
    def io_dtype(self) -> str:
        """The dtype of input and output.

        TFLite files of integers have integers unless asked for float32, ONNX files float32 unless asked for integers;
        with int16 activations, TFLite has int16 or float32, and ONNX float32.
        """
        if not self.calibrated:
            return "float32"
        if self.precision == "int16x8":
            return "int16" if self.format == "tflite" and self.io != "float32" else "float32"
        if self.io == "default":
            return "int8" if self.format == "tflite" else "float32"
        return self.io

    @property
    def calibrated(self) -> bool:
        """Whether it needs rows that show the ranges of activations."""
        return self.precision in ("int8", "mixed", "int16x8")


ORDER = ("int8", "mixed", "int16x8", "dynamic", "weight8", "weight4", "float16", "float32")
"""Smallest and fastest first; the first file of a bundle is the one that is recommended."""

FORMATS = ("tflite", "onnx")
IO_DTYPES = ("default", "int8", "uint8", "float32")
GRANULARITIES = ("default", "tensor", "channel")

_SCHEMES = {
    "float32": "float32 weights and activations",
    "float16": "float16 weights, float32 activations",
    "dynamic": "int8 weights, float32 activations that are quantized row by row while it runs",
    "weight8": "int8 weights, float32 activations and arithmetic",
    "weight4": "int4 weights, float32 activations and arithmetic",
    "int8": "int8 weights and activations, int32 biases",
    "mixed": "int8 weights and activations, int32 biases, but {kept} in {kept_as}",
    "int16x8": "int8 weights, int16 activations, int64 biases",
}
_WEIGHTS = {"int8": "int8 weights", "int7": "int8 weights (7 bits used)", "uint8": "uint8 weights"}
_CONVOLUTIONAL = {"int8": "int7", "dynamic": "uint8"}
"""Weights of ONNX files with convolutions. ONNX Runtime 1.16.3 and 1.17.3 have no dynamic convolution by int8
weights."""
_MISSING = {
    ("weight8", "onnx"): "ONNX Runtime has weight-only int8 for language models' operators alone",
    ("weight4", "onnx"): "ONNX Runtime has 4-bit weights for language models' operators alone",
}


def unavailable(precision: str, format_name: str) -> str | None:
    """Why a format does not have a precision; None where it has."""
    return _MISSING.get((precision, format_name))


def scheme(variant: Variant) -> str:
    """The variant in words."""
    text = _SCHEMES[variant.precision].format(
        kept=f"{len(variant.kept)} layer{'s' if len(variant.kept) != 1 else ''}", kept_as=variant.kept_as
    )
    if variant.format == "onnx" and variant.precision == "float16":
        text = "float16 weights and activations"
    if variant.format == "onnx" and variant.precision == "int16x8":
        text = "int8 weights, int16 activations, int32 biases"
    if variant.format == "onnx":
        text = text.replace("int8 weights", _WEIGHTS[variant.weights])
    if variant.format == "onnx" and variant.calibrated:
        text += ", float32 scores" if variant.io_dtype == "float32" else ""
    if variant.precision in ("float32", "float16"):
        return text
    scales = {
        "tensor": "one weight scale a tensor",
        "channel": "one weight scale a channel",
        "default": "one weight scale a channel in convolutions, a tensor in dense layers",
    }[variant.granularity]
    if variant.precision in ("weight8", "weight4") and variant.granularity == "default":
        scales = "one weight scale a channel"
    return f"{text}, {scales}"


def variants(
    precisions: tuple[str, ...], formats: tuple[str, ...], io: str, granularity: str, convolutional: bool = False
) -> list[Variant]:
    """The variants of every precision in every format that has it, in `ORDER`.

    Args:
        precisions: What was asked for.
        formats: Of `FORMATS`.
        io: See `Variant`.
        granularity: See `Variant`.
        convolutional: Whether the model has convolutions, whose int8 weights ONNX Runtime cuts off too often (measured
            without VNNI on a small CNN: 93% of the answers with 8 bits, 100% with 7).
    """
    return [
        Variant(
            precision,
            format_name,
            io=io,
            granularity=_granularity(granularity, format_name, convolutional),
            weights=_CONVOLUTIONAL.get(precision, "int8") if convolutional and format_name == "onnx" else "int8",
        )
        for precision in ORDER
        if precision in precisions
        for format_name in FORMATS
        if format_name in formats and unavailable(precision, format_name) is None
    ]


def _granularity(asked: str, format_name: str, convolutional: bool) -> str:
    """ONNX Runtime's quantizer has one granularity for the whole file."""
    if asked != "default" or format_name == "tflite":
        return asked
    return "channel" if convolutional else "tensor"


def layer_of(path: str, layers: tuple[str, ...]) -> str | None:
    """The Keras layer that a converter's name, "model_1/layer_1/MatMul;…", belongs to; Keras adds a number to names."""
    parts = [part for piece in path.split(";") for part in piece.split("/")]
    plain = [re.sub(r"_\d+$", "", part) for part in parts]
    return next((name for name in (*plain, *parts) if name in layers), None)
