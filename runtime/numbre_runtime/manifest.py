"""The manifest: what a bundle says of itself.

This file is the contract between the exporter, which writes manifest.json, and the runtime, which reads it.

Its records are named tuples, because dataclasses compile their methods at every import, which adds 3 ms to each start.
Their annotations are types, not strings, because the reader uses them.
"""

import math
import re
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin

from numbre_runtime.errors import BundleError
from numbre_runtime.strict_json import parse_json
from numbre_runtime.text import json_text

SCHEMA = 1
"""The manifest schema that this version writes; it reads no newer one."""

FORMATS = ("tflite", "onnx")
PRECISIONS = ("float32", "float16", "dynamic", "weight8", "weight4", "int8", "mixed", "int16x8")
PREPROCESSINGS = {"unit": (1 / 255, 0.0), "none": (1.0, 0.0), "signed": (1 / 127.5, -1.0)}
"""Preprocessing name to (factor, offset): the network was trained on value · factor + offset."""
PIXEL_SCALES = {"unit": 1 / 255, "none": 1.0}
"""The preprocessings without an offset, name to factor."""
PICTURES = ("mnist", "resize", "none")
INPUT_DTYPES = ("uint8", "float32")
MAX_VALUES = 1 << 24
"""Most values that one input may have."""
MOST_LABELS, LONGEST_LABEL = 10_000, 1000
"""Most classes, and most characters of a class's name."""
MOST_FILES = 64
"""Most files of a bundle."""
_LEAST_SCALE, _LARGEST_SCALE = 1.2e-38, 3.4e38
TENSOR_DTYPES = ("float32", "int8", "uint8", "int16", "int32")
OUTPUTS = ("softmax", "logits", "sigmoid")
CONFIDENCE_BINS = 20
"""Equal bins of confidence from 0 to 1, in which `Baseline` counts."""
_COLDEST, _HOTTEST = 0.01, 100
"""Bounds of `Manifest.temperature`."""


class InputSpec(NamedTuple):
    """What the user of a bundle hands in."""

    shape: tuple[int, ...]
    """Shape of one input, (28, 28) for a digit, (32, 32, 3) for a colour picture, (4,) for a row of a table."""
    dtype: str
    """"uint8": pixels; "float32": measured values of any size."""
    low: int
    """Smallest pixel value, 0: background; 0 for float32."""
    high: int
    """Largest pixel value, 255: full ink; 0 for float32, which has no bound."""
    preprocessing: str
    """"unit": the network was trained on value / 255; "none": on the value itself; "signed": on value / 127.5 − 1;
    "affine": on value · `factors` + `offsets`."""
    picture: str = "mnist"
    """How a picture is brought to `shape`: "mnist": its one digit is found and centred as in MNIST; "resize": all of
    it is resized; "none": the input is no picture."""
    factors: tuple[float, ...] = ()
    """For "affine", one for each entry of the last axis, else empty."""
    offsets: tuple[float, ...] = ()
    """For "affine", as many as `factors`."""


class TensorSpec(NamedTuple):
    """An artifact's own input or output tensor; a real value is (stored − zero_point) · scale."""

    dtype: str
    """NumPy name of the stored type: "float32", "int8", "uint8", "int16" or, of an input of whole numbers, "int32"."""
    scale: float
    """Step between two stored values; 1.0 for float32."""
    zero_point: int
    """Stored value that means 0; 0 for float32."""


class Measurement(NamedTuple):
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
    interval: tuple[float, ...] = ()
    """Lower and upper bound of the accuracy at 95% confidence; empty where an older exporter did not give it."""
    flips_for_the_worse: int | None = None
    """Test images that the Keras model gets right and this artifact does not."""
    flips_for_the_better: int | None = None
    """Test images that this artifact gets right and the Keras model does not."""
    p_value: float | None = None
    """McNemar's exact test on these two counts: below 0.05 the change of accuracy is more than noise."""
    worst_class: str | None = None
    """The label whose recall drops most."""
    worst_class_drop: float | None = None
    """Keras's recall of that class less this artifact's, 0–1 (lower is better)."""
    log_loss: float | None = None
    """Mean of −log(score of the true class) (lower is better)."""
    calibration_error: float | None = None
    """Expected calibration error of the top score, 0–1 (lower is better)."""


class FileEntry(NamedTuple):
    """A file of the bundle."""

    file: str
    """File name inside the bundle."""
    sha256: str
    """Hex digest of its bytes."""
    bytes: int
    """Its size."""


class Artifact(NamedTuple):
    """One model file of a bundle."""

    file: str
    """As `FileEntry.file`."""
    sha256: str
    """As `FileEntry.sha256`."""
    bytes: int
    """As `FileEntry.bytes`."""
    format: str
    """"tflite" or "onnx"."""
    precision: str
    """"float32"; "float16": float16 weights; "dynamic", "weight8", "weight4": integer weights, float activations;
    "int8": every weight and activation int8, biases int32; "mixed": int8 but for some layers; "int16x8": int16
    activations, int8 weights."""
    input: TensorSpec
    """Its input tensor."""
    output: TensorSpec
    """Its output tensor."""
    requires: dict[str, int]
    """What a runtime must offer: "opset" and "ir" for ONNX, each operator's version for TFLite."""
    measured: tuple[Measurement, ...]
    """One entry for each backend that it was measured with."""
    verdict: str = "pass"
    """The exporter's gate: "pass", or "cannot tell" if there were too few test rows to show a loss."""


class CLibrary(NamedTuple):
    """The model as C code for microcontrollers; its two files are among the bundle's `files`."""

    header: str
    """File name, "model.h"."""
    source: str
    """File name, "model.c"."""
    artifact: str
    """The int8 TFLite file that it computes, bit for bit."""
    prefix: str
    """What its functions' names begin with."""
    macs: int
    """Multiplications of an input with a weight in one run."""
    constants: int
    """Bytes of weights, biases, scales and tables."""
    arena: int
    """Bytes of its static buffer."""
    compiler: str | None = None
    """What the following was compiled with; None where the exporter found no compiler for microcontrollers."""
    flash: int | None = None
    """Bytes of code and constants."""
    ram: int | None = None
    """Bytes of static buffer and stack, without the caller's image and scores."""


class Baseline(NamedTuple):
    """How the recommended file answered the test rows; answers that look otherwise later come from other inputs."""

    confidence_histogram: tuple[int, ...]
    """Test rows by the confidence of their answer, in `CONFIDENCE_BINS` equal bins from 0 to 1."""
    rejected: float
    """Share of the test rows whose confidence is below the threshold, 0–1."""
    input_mean: float
    """Mean of all values of the test rows, as the user hands them in."""
    input_deviation: float
    """Standard deviation of the rows' own means, 0 or more."""


class Manifest(NamedTuple):
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
    output: str = "softmax"
    """What the network gives: "softmax" scores; "logits", of which the runtime takes the softmax; or "sigmoid": scores
    0–1 that are independent of each other and need not add up to 1."""
    threshold: float = 0.0
    """Confidence, 0–1, from which on an answer counts; below it an image is none of the classes."""
    none_label: str | None = None
    """The label that stands for "none of the others"; it has a score and is never an answer."""
    c: CLibrary | None = None
    """The model as C code; None if the bundle has none."""
    temperature: float = 1.0
    """What logits are divided by before their softmax is taken, so that of answers with a confidence of 0.9 nine in ten
    are right (Guo et al., "On calibration of modern neural networks", 2017); 1 for any other output."""
    baseline: Baseline | None = None
    """The answers on the test rows, to compare later ones with; None where an older exporter did not give it."""

    @property
    def entries(self) -> tuple[FileEntry | Artifact, ...]:
        """Every file of the bundle but manifest.json itself."""
        return (*self.artifacts, *self.files)

    def to_json(self) -> bytes:
        """The manifest as indented JSON, in ASCII."""
        return (json_text(_encode(self), indent=1) + "\n").encode()

    @staticmethod
    def from_json(content: bytes, where: str) -> "Manifest":
        """Reads a manifest and checks every field.

        Args:
            content: The JSON text, UTF-8.
            where: The file's name, for messages.

        Raises:
            BundleError: It is no JSON, comes from a newer schema, or a field is missing or wrong.
        """
        data = parse_json(content, f"{where}: not a manifest", BundleError)
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


def _encode(value: Any) -> Any:
    """The opposite of `_decode`; by itself, JSON would make lists of named tuples."""
    if hasattr(value, "_asdict"):
        return {name: _encode(entry) for name, entry in value._asdict().items()}
    return [_encode(entry) for entry in value] if isinstance(value, tuple) else value


def _decode(kind: Any, value: Any, where: str) -> Any:
    """Turns parsed JSON into `kind`, a named tuple, a tuple or dict of some type, or a plain type."""
    if hasattr(kind, "_fields"):
        if not isinstance(value, dict):
            raise BundleError(f"{where}: expected an object, got {value!r:.60}")
        types = kind.__annotations__
        missing = [name for name in types if name not in value and name not in kind._field_defaults]
        if missing:
            raise BundleError(f"{where}: '{missing[0]}' is missing")
        return kind(**{name: _decode(types[name], value[name], f"{where}: {name}") for name in types if name in value})
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
    if origin is UnionType:
        return None if value is None else _decode(get_args(kind)[0], value, where)
    if kind is Any:
        return value
    if kind is float and type(value) is int and abs(value) < 1 << 53:
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise BundleError(f"{where}: expected {kind.__name__}, got {value!r:.60}")
    return value


def _check(manifest: Manifest, where: str) -> None:
    """Checks what the types alone do not say."""
    if not manifest.artifacts:
        raise BundleError(f"{where}: it lists no artifact")
    _check_labels(manifest.labels, where)
    _check_input(manifest.input, where)
    if manifest.output not in OUTPUTS:
        raise BundleError(f"{where}: unknown output '{manifest.output}'; a newer runtime may know it")
    if not 0 <= manifest.threshold <= 1:
        raise BundleError(f"{where}: a threshold of {manifest.threshold:g}; expected 0 to 1")
    if not _COLDEST <= manifest.temperature <= _HOTTEST:
        raise BundleError(f"{where}: a temperature of {manifest.temperature:g}; expected {_COLDEST} to {_HOTTEST}")
    if manifest.none_label is not None and (manifest.none_label not in manifest.labels or len(manifest.labels) < 2):
        raise BundleError(f"{where}: none_label {manifest.none_label!r:.60} is none of its labels, or its only one")
    names = [entry.file for entry in manifest.entries]
    if len(names) > MOST_FILES:
        raise BundleError(f"{where}: it lists {len(names):,} files; at most {MOST_FILES} are read")
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or name == "manifest.json":
            raise BundleError(f"{where}: {name!r:.60} is not a plain file name")
    if any(entry.bytes < 0 for entry in manifest.entries):
        raise BundleError(f"{where}: a file of fewer than 0 bytes")
    if len(set(names)) != len(names):
        raise BundleError(f"{where}: a file is listed twice")
    if manifest.c is not None and not {manifest.c.header, manifest.c.source, manifest.c.artifact} <= set(names):
        raise BundleError(f"{where}: its C library names a file that it does not list")
    if manifest.baseline is not None:
        _check_baseline(manifest.baseline, where)
    for artifact in manifest.artifacts:
        if artifact.format not in FORMATS or artifact.precision not in PRECISIONS:
            raise BundleError(f"{where}: {artifact.file}: unknown format or precision; a newer runtime may know it")
        for tensor in (artifact.input, artifact.output):
            if tensor.dtype not in TENSOR_DTYPES or not _is_grid(tensor):
                raise BundleError(f"{where}: {artifact.file}: a tensor's dtype or scale is not usable")


def _check_baseline(baseline: Baseline, where: str) -> None:
    counts = baseline.confidence_histogram
    if len(counts) != CONFIDENCE_BINS or min(counts) < 0 or not 0 < sum(counts) < 1 << 53:
        raise BundleError(f"{where}: baseline: expected {CONFIDENCE_BINS} counts of 0 or more, and not all 0")
    if not 0 <= baseline.rejected <= 1 or baseline.input_deviation < 0:
        raise BundleError(f"{where}: baseline: a share outside 0–1, or a deviation below 0")


def _is_grid(tensor: TensorSpec) -> bool:
    """Whether scale and zero point are a tensor's; the scale is a normal float32, as model files store it."""
    return _LEAST_SCALE <= tensor.scale <= _LARGEST_SCALE and abs(tensor.zero_point) <= 1 << 16


def _check_labels(labels: tuple[str, ...], where: str) -> None:
    if not labels:
        raise BundleError(f"{where}: it lists no label")
    if len(labels) > MOST_LABELS:
        raise BundleError(f"{where}: it lists {len(labels):,} labels; at most {MOST_LABELS:,} are read")
    for label in labels:
        if not label.strip() or len(label) > LONGEST_LABEL:
            raise BundleError(f"{where}: the label {label!r:.60} is empty or longer than {LONGEST_LABEL} characters")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise BundleError(f"{where}: the label {twice!r:.60} is there twice")


def _check_input(spec: InputSpec, where: str) -> None:
    known = (*PREPROCESSINGS, "affine")
    if spec.dtype not in INPUT_DTYPES or spec.preprocessing not in known or spec.picture not in PICTURES:
        raise BundleError(f"{where}: input: unknown dtype, preprocessing or picture; a newer runtime may know it")
    if not spec.shape or any(not 0 < size <= 4096 for size in spec.shape) or math.prod(spec.shape) > MAX_VALUES:
        raise BundleError(f"{where}: input: shape {spec.shape} is out of bounds")
    if spec.picture == "mnist" and spec.dtype == "uint8" and math.prod(spec.shape) != 28 * 28:
        raise BundleError(f"{where}: input: a picture in MNIST's form has 28×28 pixels, not {spec.shape}")
    expected = spec.shape[-1] if spec.preprocessing == "affine" else 0
    if len(spec.factors) != expected or len(spec.offsets) != expected or 0.0 in spec.factors:
        raise BundleError(f"{where}: input: {expected} factors and offsets were expected, and no factor of 0")
