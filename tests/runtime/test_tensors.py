"""Decoding: one row or many, by table or by arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from numbre_runtime.bundle import Bundle
from numbre_runtime.manifest import TensorSpec
from numbre_runtime.tensors import decoder, row_decoder

_TENSORS = (
    TensorSpec("int8", 1 / 255, -128),
    TensorSpec("int8", 0.05, 3),
    TensorSpec("uint8", 1 / 255, 0),
    TensorSpec("int16", 1 / 32767, 0),
    TensorSpec("float32", 1.0, 0),
)


@pytest.mark.parametrize("output", ["softmax", "logits"])
@pytest.mark.parametrize("tensor", _TENSORS)
def test_a_row_is_decoded_to_the_bits_of_a_batch(shipped: Bundle, tensor: TensorSpec, output: str) -> None:
    artifact = replace(shipped.manifest.artifacts[0], output=tensor)
    if tensor.dtype == "float32":
        rows = np.linspace(-3, 3, 40, dtype=np.float32).reshape(4, 10)
    else:
        bounds = np.iinfo(tensor.dtype)
        rows = np.linspace(bounds.min, bounds.max, 250).astype(tensor.dtype).reshape(25, 10)
    many, one = decoder(artifact, output)(rows), row_decoder(artifact, output)
    assert many.dtype == np.float32
    for row, expected in zip(rows, many, strict=True):
        np.testing.assert_array_equal(one(row), expected)
