"""The manifest: what a bundle says of itself.

This file is the contract between the exporter, which writes manifest.json, and the runtime, which reads it.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_origin, get_type_hints

from numbre_runtime.errors import BundleError

SCHEMA = 1
"""The manifest schema that this version writes; it reads no newer one."""

FORMATS = ("tflite", "onnx")
PRECISIONS = ("float32", "int8")
PIXEL_SCALES = {"unit": 1 / 255, "none": 1.0}
"""Preprocessing name to the factor that turns a pixel (0–255) into the value that the network was trained on."""


@dataclass(frozen=True)
class InputSpec:
    """What the user of a bundle hands in."""

    shape: tuple[int, ...]
    """Shape of one input, (28, 28) for a digit."""
    dtype: str
    """Always "uint8": pixels."""
    low: int
    """Smallest pixel value, 0: background."""
    high: int
    """Largest pixel value, 255: full ink."""
    preprocessing: str
    """"unit": the network was trained on pixel / 255; "none": on the pixel itself."""


@dataclass(frozen=True)
class TensorSpec:
    """An artifact's own input or output tensor; a real value is (stored − zero_point) · scale."""

    dtype: str
    """NumPy name of the stored type: "float32" or "int8"."""
    scale: float
    """Step between two stored values; 1.0 for float32."""
    zero_point: int
    """Stored value that means 0; 0 for float32."""


@dataclass(frozen=True)
class Measurement:
    """What one backend did with the artifact on the test images."""

    backend: str
    """Backend's name and version, "litert 2.3.0"."""
    images: int
    """Number of test images."""
    accuracy: float
    """Share of them whose label was found, 0–1 (higher is better)."""
    agreement: float
    """Share of them with the same answer as the Keras model, 0–1 (higher is better)."""
    largest_difference: float
    """Largest absolute difference of any score from the Keras model's (lower is better)."""


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle."""

    file: str
    """File name inside the bundle."""
    sha256: str
    """Hex digest of its bytes."""
    bytes: int
    """Its size."""


@dataclass(frozen=True)
class Artifact(FileEntry):
    """One model file of a bundle."""

    format: str
    """"tflite" or "onnx"."""
    precision: str
    """"float32", or "int8": every weight and activation int8, biases int32."""
    input: TensorSpec
    """Its input tensor."""
    output: TensorSpec
    """Its output tensor."""
    requires: dict[str, int]
    """What a runtime must offer: "opset" and "ir" for ONNX, each operator's version for TFLite."""
    measured: tuple[Measurement, ...]
    """One entry for each backend that it was measured with."""


@dataclass(frozen=True)
class Manifest:
    """All that a bundle says of itself."""

    schema: int
    """Schema version, see `SCHEMA`."""
    name: str
    """The model's name."""
    labels: tuple[str, ...]
    """The classes, in the order of the scores."""
    input: InputSpec
    """What the user hands in."""
    artifacts: tuple[Artifact, ...]
    """The model files, the recommended one first."""
    files: tuple[FileEntry, ...]
    """Every other file but manifest.json itself."""
    keras_accuracy: float
    """Accuracy of the Keras model on the same test images, 0–1."""
    provenance: dict[str, Any]
    """Where it comes from: data hash, calibration rows, seeds, tool versions."""

    def to_json(self) -> bytes:
        """The manifest as indented UTF-8 JSON."""
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()

    @staticmethod
    def from_json(content: bytes, where: str) -> Manifest:
        """Reads a manifest and checks every field.

        Args:
            content: The JSON text, UTF-8.
            where: The file's name, for messages.

        Raises:
            BundleError: It is no JSON, comes from a newer schema, or a field is missing or wrong.
        """
        try:
            data = json.loads(content)
        except (ValueError, RecursionError) as cause:
            raise BundleError(f"{where}: not a manifest, its JSON does not parse ({cause})") from cause
        schema = data.get("schema") if isinstance(data, dict) else None
        if type(schema) is not int or schema < 1:
            raise BundleError(f"{where}: not a manifest, it has no schema number")
        if schema > SCHEMA:
            raise BundleError(
                f"{where}: schema {schema}, but this runtime reads schema {SCHEMA} and older; "
                "upgrade it with: pip install --upgrade numbre-runtime"
            )
        manifest: Manifest = _decode(Manifest, data, where)
        _check(manifest, where)
        return manifest


def _decode(kind: Any, value: Any, where: str) -> Any:
    """Turns parsed JSON into `kind`, a dataclass, a tuple or dict of some type, or a plain type."""
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        if not isinstance(value, dict):
            raise BundleError(f"{where}: expected an object, got {value!r:.60}")
        hints = get_type_hints(kind)
        missing = [field.name for field in fields(kind) if field.name not in value]
        if missing:
            raise BundleError(f"{where}: '{missing[0]}' is missing")
        return kind(
            **{
                field.name: _decode(hints[field.name], value[field.name], f"{where}: {field.name}")
                for field in fields(kind)
            }
        )
    origin = get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise BundleError(f"{where}: expected a list, got {value!r:.60}")
        item = get_args(kind)[0]
        return tuple(_decode(item, entry, f"{where}[{index}]") for index, entry in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise BundleError(f"{where}: expected an object, got {value!r:.60}")
        item = get_args(kind)[1]
        return {key: _decode(item, entry, f"{where}.{key}") for key, entry in value.items()}
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise BundleError(f"{where}: expected {kind.__name__}, got {value!r:.60}")
    return value


def _check(manifest: Manifest, where: str) -> None:
    """Checks what the types alone do not say."""
    if not manifest.artifacts:
        raise BundleError(f"{where}: it lists no artifact")
    if not manifest.labels:
        raise BundleError(f"{where}: it lists no label")
    if manifest.input.dtype != "uint8" or manifest.input.preprocessing not in PIXEL_SCALES:
        raise BundleError(f"{where}: input: unknown dtype or preprocessing; a newer runtime may know it")
    if not manifest.input.shape or any(not 0 < size <= 4096 for size in manifest.input.shape):
        raise BundleError(f"{where}: input: shape {manifest.input.shape} is out of bounds")
    entries: tuple[FileEntry, ...] = (*manifest.artifacts, *manifest.files)
    names = [entry.file for entry in entries]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or name == "manifest.json":
            raise BundleError(f"{where}: {name!r:.60} is not a plain file name")
    if len(set(names)) != len(names):
        raise BundleError(f"{where}: a file is listed twice")
    for artifact in manifest.artifacts:
        if artifact.format not in FORMATS or artifact.precision not in PRECISIONS:
            raise BundleError(f"{where}: {artifact.file}: unknown format or precision; a newer runtime may know it")
        for tensor in (artifact.input, artifact.output):
            if tensor.dtype not in ("float32", "int8") or tensor.scale <= 0:
                raise BundleError(f"{where}: {artifact.file}: a tensor's dtype or scale is not usable")
