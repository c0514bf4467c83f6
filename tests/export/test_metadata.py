"""A lone model file still says what it is, and does exactly what it did without that."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from numbre_export.convert.metadata import Description, _metadata, describe_onnx, describe_tflite
from numbre_runtime.backends import backend
from numbre_runtime.bundle import Bundle
from numbre_runtime.kernels.flatbuffer import Table
from numbre_runtime.manifest import InputSpec

_LABELS = tuple(f"größe {number}" for number in range(10))
_DESCRIPTION = Description("numbre", "int8 weights", InputSpec((28, 28), "uint8", 0, 255, "signed"), _LABELS, "softmax")


def test_tflite_metadata_is_there_and_changes_no_answer(shipped: Bundle) -> None:
    plain = shipped.contents["model.int8.tflite"]
    described = describe_tflite(plain, _DESCRIPTION)
    assert described == describe_tflite(plain, _DESCRIPTION)
    with zipfile.ZipFile(io.BytesIO(described)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(_LABELS)
    model = schema.Model.GetRootAs(described, 0)
    entries = {model.Metadata(index).Name(): model.Metadata(index).Buffer() for index in range(model.MetadataLength())}
    content = model.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes()
    assert content[4:8] == b"M001"
    assert b"labels.txt" in content and b"trained on value / 127.5 - 1; int8 weights" in content
    assert f"Scores, 0 to 1, of the classes {', '.join(_LABELS)}.".encode() in content
    # Mean and standard deviation of the normalization: pixel / 127.5 − 1.
    assert np.array([127.5], "<f4").tobytes() in content
    rows = shipped.golden().inputs.reshape(-1, 784) ^ 128
    before, after = (backend("litert").open_model(item, 1).run(rows.view(np.int8)) for item in (plain, described))
    assert np.array_equal(before, after)


@pytest.mark.parametrize(
    ("shape", "width", "height", "colours"), [((20, 28), 28, 20, 2), ((5, 7, 3), 7, 5, 1), ((9, 4, 1), 4, 9, 2)]
)
def test_tflite_metadata_knows_width_from_height(shape: tuple[int, ...], width: int, height: int, colours: int) -> None:
    description = replace(_DESCRIPTION, spec=InputSpec(shape, "uint8", 0, 255, "unit"))
    (graph,) = Table.root(_metadata(description), b"M001").tables(3)
    (image,) = graph.tables(2)
    content = image.table(3)
    properties = content.table(1) if content is not None else None
    size = properties.table(1) if properties is not None else None
    assert properties is not None
    assert size is not None
    assert (size.scalar(0, "I"), size.scalar(1, "I"), properties.scalar(0, "b")) == (width, height, colours)


def test_weights_stay_at_multiples_of_16_bytes(shipped: Bundle) -> None:
    described = describe_tflite(shipped.contents["model.float32.tflite"], _DESCRIPTION)
    model = schema.Model.GetRootAs(described, 0)
    places = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        field = buffer._tab.Offset(4)
        if field:
            places.append(buffer._tab.Vector(field))
    assert len(places) > 4
    assert {place % 16 for place in places} == {0}


def test_onnx_metadata_is_there_and_changes_no_answer(shipped: Bundle) -> None:
    plain = shipped.contents["model.int8.onnx"]
    described = describe_onnx(plain, _DESCRIPTION)
    model = onnx.load_model_from_string(described)
    properties = {item.key: item.value for item in model.metadata_props}
    assert model.graph.doc_string.endswith(f"Classes: {', '.join(_LABELS)}.")
    assert tuple(json.loads(properties["labels"])) == _LABELS
    assert json.loads(properties["preprocessing"])["factors"] == [pytest.approx(1 / 127.5)]
    assert properties["quantization"] == "int8 weights"
    rows = (shipped.golden().inputs.reshape(-1, 784) / 255).astype(np.float32)
    before, after = (backend("onnxruntime").open_model(item, 1).run(rows) for item in (plain, described))
    assert np.array_equal(before, after)
