"""Encoding and decoding: one row or many, into a new array or a given one, by table or by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from numbre_runtime.bundle import Bundle
from numbre_runtime.manifest import InputSpec, TensorSpec
from numbre_runtime.tensors import as_stored, decoder, encoder, image_writer, row_decoder

_SPEC = InputSpec((2, 3), "uint8", 0, 255, "unit")
_AFFINE = _SPEC._replace(preprocessing="affine", factors=(0.5, 1.0, 2.0), offsets=(0.0, -1.0, 3.0))
_PIXELS = np.array([[[0, 1, 127], [128, 200, 255]], [[3, 0, 90], [254, 129, 12]]], np.uint8)
_TENSORS = (
    TensorSpec("int8", 1 / 255, -128),
    TensorSpec("int8", 0.05, 3),
    TensorSpec("uint8", 1 / 255, 0),
    TensorSpec("int16", 1 / 32767, 0),
    TensorSpec("float32", 1.0, 0),
)


@pytest.mark.parametrize("tensor", _TENSORS)
@pytest.mark.parametrize("spec", [_SPEC, _SPEC._replace(preprocessing="signed"), _AFFINE])
def test_encoding_into_an_array_is_encoding_into_a_new_one(spec: InputSpec, tensor: TensorSpec) -> None:
    encode = encoder(spec, tensor)
    for rows in (_PIXELS.reshape(2, 6), _PIXELS.reshape(2, 6) / 255):
        expected, out = encode(rows), np.zeros((2, 6), tensor.dtype)
        assert expected.dtype == tensor.dtype
        assert encode(rows, out) is out
        np.testing.assert_array_equal(out, expected)
    place = np.zeros((1, 6), tensor.dtype)
    write = image_writer(spec, tensor, place)
    for image in (_PIXELS[1], _PIXELS[0], np.asfortranarray(_PIXELS[1])):
        write(image)
        np.testing.assert_array_equal(place, encode(image.reshape(1, 6)))


def test_what_is_stored_already_is_not_cast() -> None:
    rows = np.arange(6, dtype=np.int8).reshape(1, 6)
    assert as_stored(rows) is rows
    with pytest.raises(TypeError):
        as_stored(rows, np.zeros((1, 6), np.float32))


@pytest.mark.parametrize("output", ["softmax", "logits"])
@pytest.mark.parametrize("tensor", _TENSORS)
def test_a_row_is_decoded_to_the_bits_of_a_batch(shipped: Bundle, tensor: TensorSpec, output: str) -> None:
    artifact = shipped.manifest.artifacts[0]._replace(output=tensor)
    if tensor.dtype == "float32":
        rows = np.linspace(-3, 3, 40, dtype=np.float32).reshape(4, 10)
    else:
        bounds = np.iinfo(tensor.dtype)
        rows = np.linspace(bounds.min, bounds.max, 250).astype(tensor.dtype).reshape(25, 10)
    many, one = decoder(artifact, output)(rows), row_decoder(artifact, output)
    assert many.dtype == np.float32
    for row, expected in zip(rows, many, strict=True):
        np.testing.assert_array_equal(one(row), expected)
