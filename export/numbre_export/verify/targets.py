"""Whether an older runtime runs a file, told from the file alone.

TFLite: every operator has a version, and each runtime knows them up to some version; the table follows TensorFlow's own
(tensorflow/compiler/mlir/lite/tools/versioning/runtime_version.cc). The version that a converter stamps is not trusted:
ai-edge-quantizer stamps 1 throughout, and TensorFlow stamps int16 operators too low. So types and scales are looked at
as well. ONNX: opset and IR version of each ONNX Runtime (its documentation's compatibility table), and the operators
of its own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from numbre_export.convert.onnx_graph import read_onnx
from numbre_export.convert.tflite_graph import operator_name, read_tflite, tensor_types
from numbre_runtime.bundle import bundle_path, read_bundle
from numbre_runtime.errors import DataError

Version = tuple[int, ...]


@dataclass(frozen=True)
class Target:
    """A runtime on a device."""

    runtime: str
    """"tflite-runtime", "tensorflow", "litert" or "onnxruntime"."""
    version: Version
    """Its version."""

    @property
    def format(self) -> str:
        """The format that it runs."""
        return "onnx" if self.runtime == "onnxruntime" else "tflite"

    def __str__(self) -> str:
        return f"{self.runtime}=={'.'.join(str(part) for part in self.version)}"


@dataclass(frozen=True)
class Need:
    """Something that a file needs of its runtime."""

    what: str
    """In words."""
    since: Version
    """The first TensorFlow Lite or ONNX Runtime version that has it."""


_ALIASES = {"ai-edge-litert": "litert", "tflite_runtime": "tflite-runtime", "tf": "tensorflow"}
_RUNTIMES = ("tflite-runtime", "tensorflow", "litert", "onnxruntime")
_LITERT_AS_TENSORFLOW = ((2, 3), (2, 21)), ((1, 0), (2, 17))
"""From which LiteRT version on it has at least the operators of which TensorFlow version."""

_SINCE: dict[str, dict[int, Version]] = {
    "ADD": {1: (1, 5), 2: (1, 14), 3: (2, 4), 4: (2, 6)},
    "AVERAGE_POOL_2D": {1: (1, 5), 2: (1, 14), 3: (2, 3)},
    "BATCH_MATMUL": {1: (2, 3), 2: (2, 3), 3: (2, 4), 4: (2, 5)},
    "CAST": {1: (1, 5), 2: (2, 7), 3: (2, 8), 4: (2, 9), 5: (2, 12)},
    "CONCATENATION": {1: (1, 5), 2: (1, 14), 3: (2, 3)},
    "CONV_2D": {1: (1, 5), 2: (1, 14), 3: (1, 14), 4: (2, 3), 5: (2, 4), 6: (2, 9), 7: (2, 11)},
    "DEPTHWISE_CONV_2D": {1: (1, 5), 2: (1, 12), 3: (1, 14), 4: (2, 2), 5: (2, 3), 6: (2, 3), 7: (2, 11)},
    "DEQUANTIZE": {1: (1, 13), 2: (1, 14), 3: (1, 15), 4: (2, 2), 5: (2, 7)},
    "ELU": {1: (1, 14)},
    "EXPAND_DIMS": {1: (1, 10)},
    "FULLY_CONNECTED": {
        1: (1, 5),
        2: (1, 10),
        3: (1, 14),
        4: (1, 14),
        5: (2, 0),
        6: (2, 1),
        7: (2, 3),
        8: (2, 3),
        9: (2, 3),
        10: (2, 11),
        11: (2, 15),
        12: (2, 17),
    },
    "HARD_SWISH": {1: (1, 15)},
    "LEAKY_RELU": {1: (1, 13), 2: (2, 3)},
    "LOG_SOFTMAX": {1: (1, 14), 2: (1, 14)},
    "LOGISTIC": {1: (1, 14), 2: (1, 14), 3: (2, 3)},
    "MAX_POOL_2D": {1: (1, 5), 2: (1, 14), 3: (2, 3)},
    "MAXIMUM": {1: (1, 14), 2: (1, 14), 3: (2, 3), 4: (2, 3)},
    "MEAN": {1: (1, 6), 2: (1, 14), 3: (2, 4)},
    "MINIMUM": {1: (1, 14), 2: (1, 14), 3: (2, 3), 4: (2, 3)},
    "MUL": {1: (1, 5), 2: (1, 14), 3: (1, 15), 4: (2, 3), 5: (2, 6), 6: (2, 11)},
    "PACK": {1: (1, 11), 2: (1, 14), 3: (2, 3)},
    "PAD": {1: (1, 5), 2: (1, 14), 3: (2, 4), 4: (2, 6)},
    "PRELU": {1: (1, 8)},
    "QUANTIZE": {1: (1, 14), 2: (1, 15), 3: (2, 7)},
    "RELU": {1: (1, 5), 2: (2, 1), 3: (2, 5)},
    "RELU6": {1: (1, 5), 2: (1, 14), 3: (2, 5)},
    "RESHAPE": {1: (1, 5)},
    "SHAPE": {1: (1, 10)},
    "SOFTMAX": {1: (1, 5), 2: (1, 14), 3: (2, 3)},
    "SQUEEZE": {1: (1, 6), 2: (2, 5)},
    "STRIDED_SLICE": {1: (1, 6), 2: (1, 14), 3: (2, 1), 4: (2, 2), 5: (2, 5), 6: (2, 6)},
    "SUB": {1: (1, 6), 2: (1, 14), 3: (2, 3), 4: (2, 4), 5: (2, 4)},
    "SUM": {1: (1, 10), 2: (1, 15)},
    "TANH": {1: (1, 14), 2: (1, 14), 3: (2, 3)},
    "TRANSPOSE": {1: (1, 6), 2: (1, 14), 3: (1, 15), 4: (2, 3), 5: (2, 4), 6: (2, 12)},
}
_INT8, _INT16, _INT4 = (1, 14), (2, 4), (2, 17)
_INT8_TO_INT16 = (2, 21)
"""Measured: neither tflite-runtime 2.14 nor LiteRT 1.0.1 has it, LiteRT 2.3 has."""
_PER_CHANNEL_DENSE, _HYBRID_PER_CHANNEL_DENSE = (2, 10), (2, 17)

_ONNX: tuple[tuple[Version, int, int], ...] = (
    ((1, 7), 13, 7),
    ((1, 8), 14, 7),
    ((1, 9), 15, 8),
    ((1, 11), 16, 8),
    ((1, 12), 17, 8),
    ((1, 14), 18, 8),
    ((1, 15), 19, 9),
    ((1, 17), 20, 9),
    ((1, 18), 21, 10),
    ((1, 21), 22, 10),
    ((1, 22), 23, 11),
)
"""(ONNX Runtime from, highest opset, highest IR version)."""
_INT16_ONNX = (1, 17)


def parse_target(text: str) -> Target:
    """Reads "tflite-runtime==2.14" and the like.

    Raises:
        DataError: The runtime is unknown or the version is no version.
    """
    name, _, version = text.partition("==")
    name = _ALIASES.get(name.strip().lower(), name.strip().lower())
    if name not in _RUNTIMES or not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,5}){1,4}", version.strip()):
        raise DataError(
            f"--target {text}: expected one of {', '.join(_RUNTIMES)}, then ==, then a version such as 2.14"
        )
    return Target(name, tuple(int(part) for part in version.strip().split(".")))


@dataclass(frozen=True)
class Compatibility:
    """Whether a runtime runs a file."""

    file: str
    """The file's name."""
    target: str
    """The runtime and its version, "tflite-runtime==2.14"."""
    reasons: tuple[str, ...]
    """Why it does not run the file; empty if it does."""

    @property
    def runs(self) -> bool:
        """Whether it runs the file."""
        return not self.reasons

    def __str__(self) -> str:
        verdict = "runs" if self.runs else f"does not run: it {'; it '.join(self.reasons)}"
        return f"{self.file} with {self.target}: {verdict}"


def check(bundle: str | os.PathLike[str], target: str) -> list[Compatibility]:
    """Tells from the files alone whether a runtime of some version runs the model files of a bundle.

    Args:
        bundle: The bundle's directory, or the name of one that ships with the runtime.
        target: "tflite-runtime==2.14"; or tensorflow, litert or onnxruntime with a version.

    Returns:
        An entry for each file of the format that the runtime reads.

    Raises:
        DataError: `target` is not one of these.
        BundleError: The bundle is incomplete, altered or malformed.

    Example:
        >>> import numbre_export
        >>> [result.runs for result in numbre_export.check("numbre-int8", "onnxruntime==1.16")]
        [True, True]
        >>> numbre_export.check("numbre-int8", "onnxruntime==1.6")[0].reasons[0]
        'needs opset 13, which comes with onnxruntime 1.7'
    """
    parsed = parse_target(target)
    found = read_bundle(bundle_path(bundle))
    return [
        Compatibility(item.file, str(parsed), tuple(reasons_against(found.contents[item.file], item.format, parsed)))
        for item in found.manifest.artifacts
        if item.format == parsed.format
    ]


def reasons_against(content: bytes, format_name: str, target: Target) -> list[str]:
    """Why a target does not run a file; empty where it does.

    Args:
        content: The model file.
        format_name: "tflite" or "onnx".
        target: The runtime.
    """
    if format_name != target.format:
        return [f"{target.runtime} does not read {format_name} files"]
    if format_name == "onnx":
        needs, has = onnx_needs(content), target.version
    else:
        needs, has = tflite_needs(content), _as_tensorflow(target)
    return [f"{need.what}, which comes with {_named(target, need.since)}" for need in needs if need.since > has]


def _as_tensorflow(target: Target) -> Version:
    """The TensorFlow version whose operators the target has."""
    if target.runtime != "litert":
        return target.version
    return next((tensorflow for since, tensorflow in _LITERT_AS_TENSORFLOW if target.version >= since), (0,))


def _named(target: Target, since: Version) -> str:
    number = ".".join(str(part) for part in since)
    if target.format == "onnx":
        return f"onnxruntime {number}"
    return f"TensorFlow Lite {number}" if since < _UNKNOWN else "no version known here"


_UNKNOWN: Version = (99,)


def tflite_needs(content: bytes) -> list[Need]:
    """The requirements of a TFLite file, no two alike."""
    model, types = read_tflite(content), tensor_types()
    graph = model.subgraphs[0]
    needs: dict[str, Need] = {}
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = operator_name(code)
        tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
        for need in (_stamped(name, max(code.version, 1)), *_by_type(name, tensors, types)):
            needs.setdefault(need.what, need)
    return list(needs.values())


def _stamped(name: str, version: int) -> Need:
    return Need(f"needs {name} version {version}", _SINCE.get(name, {}).get(version, _UNKNOWN))


def _by_type(name: str, tensors: list[Any], types: dict[int, str]) -> list[Need]:
    """The requirements that follow from types and scales, whatever version is stamped."""
    kinds = [types[tensor.type] for tensor in tensors]
    needs = []
    if "INT4" in kinds:
        needs.append(Need(f"has int4 in {name}", _INT4))
    if "INT16" in kinds and name != "CAST":
        needs.append(Need(f"has int16 in {name}", _INT16))
    if name == "QUANTIZE" and kinds[0] == "INT8" and "INT16" in kinds:
        needs.append(Need("has QUANTIZE from int8 to int16", _INT8_TO_INT16))
    if "INT8" in kinds:
        needs.append(Need(f"has int8 in {name}", _INT8))
    if name == "FULLY_CONNECTED" and _channels(tensors[1]) > 1 and kinds[1] == "INT8":
        hybrid = kinds[0] == "FLOAT32"
        what = "FULLY_CONNECTED with one weight scale a channel" + (" and float activations" if hybrid else "")
        needs.append(Need(f"has {what}", _HYBRID_PER_CHANNEL_DENSE if hybrid else _PER_CHANNEL_DENSE))
    return needs


def _channels(tensor: Any) -> int:
    scales = tensor.quantization.scale if tensor.quantization is not None else None
    return 0 if scales is None else len(scales)


def onnx_needs(content: bytes) -> list[Need]:
    """The requirements of an ONNX file."""
    model = read_onnx(content)
    needs = []
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            since = next((version for version, opset, _ in _ONNX if opset >= entry.version), _UNKNOWN)
            needs.append(Need(f"needs opset {entry.version}", since))
        elif entry.domain == "com.microsoft":
            needs.append(Need("has ONNX Runtime's own QuantizeLinear for int16", _INT16_ONNX))
        else:
            needs.append(Need(f"has operators of {entry.domain}", _UNKNOWN))
    since = next((version for version, _, ir in _ONNX if ir >= model.ir_version), _UNKNOWN)
    needs.append(Need(f"needs IR version {model.ir_version}", since))
    return needs
