"""Writes into a model file what it is, so that a lone file still says so.

TFLite: the ecosystem's own TFLite Metadata ("M001", metadata_schema.fbs of TensorFlow Lite Support): a flatbuffer in
the model's metadata under TFLITE_METADATA, and the labels as a file in a zip archive at the end. ONNX: metadata_props.
Both are shown by Netron.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np

from numbre_export.convert.tflite_graph import read_tflite
from numbre_runtime.manifest import PREPROCESSINGS, InputSpec
from numbre_runtime.text import encodable, json_text

LABELS_FILE = "labels.txt"

_METADATA_NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_IMAGE_PROPERTIES, _NORMALIZATION, _AXIS_LABELS = 2, 1, 2
_FEATURE_PROPERTIES = 1
_COLOURS = {3: 1, 1: 2}
"""Channels to ColorSpaceType: RGB, GRAYSCALE."""


@dataclass(frozen=True)
class Description:
    """The content of a file's own metadata."""

    name: str
    """The model's name."""
    scheme: str
    """Its quantization in words."""
    spec: InputSpec
    """The input that the bundle's user gives."""
    labels: tuple[str, ...]
    """The classes, in the order of the scores."""
    output: str
    """See `numbre_runtime.manifest.Manifest.output`."""

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        preprocessing = {
            "unit": "value / 255",
            "none": "the value itself",
            "signed": "value / 127.5 - 1",
            "affine": "value * factor + offset",
        }[self.spec.preprocessing]
        shape = "×".join(str(size) for size in self.spec.shape)
        return f"Classifier of {shape} {self.spec.dtype} inputs, trained on {preprocessing}; {self.scheme}."


def describe_onnx(content: bytes, description: Description) -> bytes:
    """The ONNX file with its metadata_props: labels, preprocessing and quantization, the first two as JSON."""
    import onnx

    model = onnx.load_model_from_string(content)
    spec = description.spec
    preprocessing = {
        "name": spec.preprocessing,
        "picture": spec.picture,
        "shape": spec.shape,
        "dtype": spec.dtype,
        "factors": spec.factors or [PREPROCESSINGS[spec.preprocessing][0]],
        "offsets": spec.offsets or [PREPROCESSINGS[spec.preprocessing][1]],
    }
    properties = {
        "description": description.sentence,
        "labels": json_text(description.labels),
        "output": description.output,
        "preprocessing": json_text(preprocessing),
        "quantization": description.scheme,
    }
    onnx.helper.set_model_props(model, properties)
    model.doc_string = description.sentence
    # What Netron shows first.
    model.graph.doc_string = f"{description.sentence} Classes: {', '.join(map(encodable, description.labels))}."
    return bytes(model.SerializeToString(deterministic=True))


def describe_tflite(content: bytes, description: Description) -> bytes:
    """The TFLite file with TFLite Metadata."""
    from ai_edge_litert import schema_py_generated as schema

    model = read_tflite(content)
    model.description = description.sentence.encode()
    added = schema.BufferT()
    added.data = np.frombuffer(_metadata(description), np.uint8)
    model.buffers.append(added)
    metadata = schema.MetadataT()
    metadata.name, metadata.buffer = _METADATA_NAME.encode(), len(model.buffers) - 1
    model.metadata = [item for item in model.metadata or [] if item.name != metadata.name] + [metadata]
    for buffer in model.buffers:
        if buffer.offset > 1:
            # ai-edge-quantizer puts weights behind the flatbuffer, where older runtimes do not look.
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
        # Kernels want their weights at multiples of 16 bytes; the generated code does not keep to that.
        buffer.Pack = _AlignedBuffer(schema, buffer)
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + _labels_archive(description.labels)


class _AlignedBuffer:
    """Packs one of the model's buffers."""

    def __init__(self, schema: Any, buffer: Any) -> None:
        self._schema = schema
        self._buffer = buffer

    def __call__(self, builder: flatbuffers.Builder) -> int:
        data = self._buffer.data
        vector = None if data is None else _bytes_at_16(builder, np.asarray(data, np.uint8).tobytes())
        self._schema.BufferStart(builder)
        if vector is not None:
            self._schema.BufferAddData(builder, vector)
        self._schema.BufferAddOffset(builder, self._buffer.offset)
        self._schema.BufferAddSize(builder, self._buffer.size)
        return int(self._schema.BufferEnd(builder))


def _bytes_at_16(builder: flatbuffers.Builder, content: bytes) -> int:
    builder.StartVector(1, len(content), 16)
    builder.head = builder.Head() - len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return int(builder.EndVector())


def _metadata(description: Description) -> bytes:
    """The ModelMetadata flatbuffer. Slot numbers are the order of the fields in metadata_schema.fbs."""
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString
    labels_file = _table(
        builder,
        4,
        {0: text(LABELS_FILE), 1: text("The classes, in the order of the scores.")},
        {2: _AXIS_LABELS},
    )
    spec = description.spec
    units = _vector(builder, [_normalization(builder, spec)])
    content = _image(builder, spec) if spec.picture != "none" else _feature(builder)
    inputs = _table(
        builder,
        7,
        {0: text("input"), 1: text(description.sentence), 3: content, 4: units},
        {},
    )
    kind = "Logits, whose softmax are the scores" if description.output == "logits" else "Scores, 0 to 1"
    # Netron shows descriptions, and not the files that belong to a tensor.
    kind = f"{kind}, of the classes {', '.join(map(encodable, description.labels))}."
    files = _vector(builder, [labels_file])
    outputs = _table(builder, 7, {0: text("scores"), 1: text(kind), 3: _feature(builder), 6: files}, {})
    graph = _table(builder, 9, {2: _vector(builder, [inputs]), 3: _vector(builder, [outputs])}, {})
    root = _table(
        builder,
        8,
        {
            0: text(description.name),
            1: text(description.sentence),
            3: _vector(builder, [graph]),
            7: text("1.5.0"),
        },
        {},
    )
    builder.Finish(root, _IDENTIFIER)
    return bytes(builder.Output())


def _normalization(builder: flatbuffers.Builder, spec: InputSpec) -> int:
    """A ProcessUnit: (value − mean) / std is what the network was trained on."""
    factors = spec.factors or (PREPROCESSINGS[spec.preprocessing][0],)
    offsets = spec.offsets or (PREPROCESSINGS[spec.preprocessing][1],)
    means = [0.0 - offset / factor for factor, offset in zip(factors, offsets, strict=True)]
    stds = [1 / factor for factor in factors]
    arrays = [builder.CreateNumpyVector(np.array(values, np.float32)) for values in (means, stds)]
    options = _table(builder, 2, dict(enumerate(arrays)), {})
    return _table(builder, 2, {1: options}, {0: _NORMALIZATION})


def _image(builder: flatbuffers.Builder, spec: InputSpec) -> int:
    builder.StartObject(2)
    builder.PrependUint32Slot(0, spec.shape[1] if len(spec.shape) > 1 else 0, 0)
    builder.PrependUint32Slot(1, spec.shape[0], 0)
    size = builder.EndObject()
    channels = spec.shape[2] if len(spec.shape) == 3 else 1
    properties = _table(builder, 2, {1: size}, {0: _COLOURS[channels]})
    return _table(builder, 3, {1: properties}, {0: _IMAGE_PROPERTIES})


def _feature(builder: flatbuffers.Builder) -> int:
    return _table(builder, 3, {1: _table(builder, 0, {}, {})}, {0: _FEATURE_PROPERTIES})


def _table(builder: flatbuffers.Builder, slots: int, offsets: dict[int, int], numbers: dict[int, int]) -> int:
    """A table of strings, tables and vectors (by offset) and of single bytes."""
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in numbers.items():
        builder.PrependUint8Slot(slot, number, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _labels_archive(labels: tuple[str, ...]) -> bytes:
    """A zip archive, not compressed, the same bytes for the same labels."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, (1980, 1, 1, 0, 0, 0)), "\n".join(map(encodable, labels)) + "\n")
    return stream.getvalue()
