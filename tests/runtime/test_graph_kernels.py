"""The numpy backend's kernels of branching models, bit for bit against LiteRT's own (no delegate)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from numbre_runtime.backends.integer import open_model
from numbre_runtime.errors import BackendError, BackendUnsupportedError
from numbre_runtime.kernels.tflite_file import read_layers
from runtime.tflite_builder import Computed, Fixed, Operator, graph_file, litert_output

_ZERO = st.integers(-128, 127)
_SCALE = st.floats(2**-9, 2**-2, width=32) | st.sampled_from([2.0**power for power in range(-9, -2)])
_SEED = st.integers(0, 2**32 - 1)
_ACTIVATION = st.sampled_from([0, 1, 2, 3])
"""schema.fbs ActivationFunctionType: none, relu, relu of −1 to 1, relu6."""
_ALL = np.resize(np.arange(-128, 128, dtype=np.int8), 263)
"""Every int8 number, and as many that vector instructions leave some over."""
_EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True)


def _agrees(content: bytes, rows: NDArray[Any]) -> None:
    expected = litert_output(content, rows)
    found = open_model(content, 1).run(rows)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def _rows(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    rows = generator.integers(-128, 128, (4, *shape[1:]), np.int8)
    rows[0], rows[1] = -128, 127
    return rows


def _ints(*values: Any) -> Fixed:
    return Fixed(np.array(values, np.int32))


@_EXAMPLES
@given(st.data(), _SEED, st.sampled_from(["ADD", "SUB", "MUL"]))
def test_sums_and_products(data: st.DataObject, seed: int, name: str) -> None:
    """Of the input and a constant, in both orders, of one shape or repeated along some axes."""
    generator = np.random.default_rng(seed)
    shape = (1, *data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)), data.draw(st.integers(1, 20)))
    other = tuple(size if data.draw(st.booleans()) else 1 for size in shape)
    tensors: list[Computed | Fixed] = [
        Computed(shape, data.draw(_SCALE), data.draw(_ZERO)),
        Fixed(generator.integers(-128, 128, other, np.int8), data.draw(_SCALE), data.draw(_ZERO)),
        Computed(shape, data.draw(_SCALE), data.draw(_ZERO)),
    ]
    order = [0, 1] if data.draw(st.booleans()) else [1, 0]
    options = {"fusedActivationFunction": data.draw(_ACTIVATION)}
    kind = f"{name.capitalize()}Options"
    _agrees(graph_file(tensors, [Operator(name, order, [2], kind, options, 2)], 2), _rows(generator, shape))


@_EXAMPLES
@given(
    st.data(), st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "HARD_SWISH", "QUANTIZE"]), _SCALE, _ZERO
)
def test_functions_of_one_value(data: st.DataObject, name: str, scale: float, zero: int) -> None:
    """Every int8 number."""
    largest = scale * 64 if name == "HARD_SWISH" else 2**-2
    smallest = scale / 64 if name == "HARD_SWISH" else 2**-9
    output = data.draw(st.floats(max(smallest, 2**-9), min(largest, 2.0), width=32))
    tensors: list[Computed | Fixed] = [
        Computed((1, _ALL.size), scale, zero),
        Computed((1, _ALL.size), output, data.draw(_ZERO)),
    ]
    kind = {"LEAKY_RELU": "LeakyReluOptions"}.get(name, "")
    options = {"alpha": data.draw(st.floats(-0.5, 2, width=32))} if kind else {}
    version = 1 if name in ("HARD_SWISH", "RELU_N1_TO_1") else 2
    content = graph_file(tensors, [Operator(name, [0], [1], kind, options, version)], 1)
    _agrees(content, _ALL[None])


@_EXAMPLES
@given(_SCALE, _ZERO, st.sampled_from([("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0)]))
def test_functions_with_a_fixed_output_scale(scale: float, zero: int, case: tuple[str, float, int]) -> None:
    name, output, output_zero = case
    tensors: list[Computed | Fixed] = [
        Computed((1, _ALL.size), scale, zero),
        Computed((1, _ALL.size), output, output_zero),
    ]
    content = graph_file(tensors, [Operator(name, [0], [1], version=2)], 1)
    _agrees(content, _ALL[None])


@_EXAMPLES
@given(st.data(), _SEED)
def test_mean(data: st.DataObject, seed: int) -> None:
    shape = (1, data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)), data.draw(st.integers(1, 20)))
    axes = data.draw(st.sampled_from([(1, 2), (1,), (2,), (3,), (-1,), (1, 2, 3), (2, 1)]))
    same = data.draw(st.booleans())
    scale, zero = data.draw(_SCALE), data.draw(_ZERO)
    output = tuple(1 if at in [axis % 4 for axis in axes] else size for at, size in enumerate(shape))
    keep = data.draw(st.booleans())
    if not keep:
        output = tuple(size for at, size in enumerate(shape) if at not in [axis % 4 for axis in axes])
    tensors: list[Computed | Fixed] = [
        Computed(shape, scale, zero),
        _ints(*axes),
        Computed(output, scale if same else data.draw(_SCALE), zero if same else data.draw(_ZERO)),
    ]
    content = graph_file(tensors, [Operator("MEAN", [0, 1], [2], "ReducerOptions", {"keepDims": keep}, 2)], 2)
    _agrees(content, _rows(np.random.default_rng(seed), shape))


@_EXAMPLES
@given(st.data(), _SEED)
def test_batch_matmul(data: st.DataObject, seed: int) -> None:
    """The input with itself, as attention has it."""
    shape = (1, data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9)), data.draw(st.integers(1, 20)))
    turned = data.draw(st.booleans())
    side = shape[3] if turned else shape[2]
    tensors: list[Computed | Fixed] = [
        Computed(shape, data.draw(_SCALE), data.draw(_ZERO)),
        Computed((*shape[:2], side, side), data.draw(_SCALE), data.draw(_ZERO)),
    ]
    options = {"adjX": turned, "adjY": not turned}
    content = graph_file(tensors, [Operator("BATCH_MATMUL", [0, 0], [1], "BatchMatMulOptions", options, 2)], 1)
    _agrees(content, _rows(np.random.default_rng(seed), shape))


def _moves() -> dict[str, tuple[tuple[int, ...], Operator, list[Computed | Fixed]]]:
    """Name to the input's shape, the operator, and the tensors behind the input, the output first."""
    return {
        "pad": (
            (1, 5, 4, 3),
            Operator("PAD", [0, 2], [1]),
            [Computed((1, 8, 4, 5), zero=9), _ints([0, 0], [1, 2], [0, 0], [2, 0])],
        ),
        "transpose": (
            (1, 5, 4, 3),
            Operator("TRANSPOSE", [0, 2], [1], version=2),
            [Computed((1, 3, 5, 4), zero=9), _ints(0, 3, 1, 2)],
        ),
        "slice": (
            (1, 9, 7, 3),
            Operator(
                "STRIDED_SLICE", [0, 2, 3, 4], [1], "StridedSliceOptions", {"beginMask": 1, "endMask": 9}, version=2
            ),
            [
                Computed((1, 4, 2, 2), zero=9),
                _ints(0, 1, -2, 1),
                _ints(0, 9, 0, 0),
                _ints(1, 2, -3, 1),
            ],
        ),
        "one step": (
            (1, 9, 7),
            Operator(
                "STRIDED_SLICE",
                [0, 2, 3, 4],
                [1],
                "StridedSliceOptions",
                {"beginMask": 5, "endMask": 5, "shrinkAxisMask": 2},
                version=2,
            ),
            [Computed((1, 7), zero=9), _ints(0, -1, 0), _ints(0, 0, 0), _ints(1, 1, 1)],
        ),
        "resize": (
            (1, 5, 4, 3),
            Operator(
                "RESIZE_NEAREST_NEIGHBOR",
                [0, 2],
                [1],
                "ResizeNearestNeighborOptions",
                {"halfPixelCenters": True},
                version=3,
            ),
            [Computed((1, 7, 9, 3), zero=9), _ints(7, 9)],
        ),
        "resize, corners": (
            (1, 5, 4, 3),
            Operator(
                "RESIZE_NEAREST_NEIGHBOR",
                [0, 2],
                [1],
                "ResizeNearestNeighborOptions",
                {"alignCorners": True},
                version=2,
            ),
            [Computed((1, 3, 8, 3), zero=9), _ints(3, 8)],
        ),
        "squeeze": (
            (1, 5, 1, 3),
            Operator("SQUEEZE", [0], [1], "SqueezeOptions", {"squeezeDims": [2]}, version=2),
            [Computed((1, 5, 3), zero=9)],
        ),
        "concatenation": (
            (1, 2, 3),
            Operator("CONCATENATION", [0, 2, 0], [1], "ConcatenationOptions", {"axis": -1}, version=2),
            [Computed((1, 2, 8), zero=9), Fixed(np.arange(4, dtype=np.int8).reshape(1, 2, 2), zero=9)],
        ),
    }


@pytest.mark.parametrize("name", _moves())
def test_values_are_moved_as_litert_moves_them(name: str) -> None:
    shape, operator, others = _moves()[name]
    content = graph_file([Computed(shape, zero=9), *others], [operator], 1)
    _agrees(content, _rows(np.random.default_rng(0), shape))


def _branching() -> bytes:
    """Two halves of the input, one through a relu, added to each other."""
    tensors: list[Computed | Fixed] = [Computed((1, 6)), _ints(1), *(Computed((1, 3)) for _ in range(4))]
    operators = [
        Operator("SPLIT", [1, 0], [2, 3], "SplitOptions", {"numSplits": 2}, 2),
        Operator("RELU", [2], [4], version=2),
        Operator("ADD", [4, 3], [5], "AddOptions", {}, 2),
    ]
    return graph_file(tensors, operators, 5)


def test_model_that_branches_and_joins() -> None:
    _agrees(_branching(), _rows(np.random.default_rng(0), (1, 6)))


def test_model_that_branches_is_no_chain() -> None:
    with pytest.raises(BackendUnsupportedError, match="branches at SPLIT"):
        read_layers(_branching())


def test_embedding_refuses_numbers_that_it_has_no_entry_for() -> None:
    table = Fixed(np.arange(-6, 6, dtype=np.int8).reshape(4, 3))
    words = Computed((1, 2), kind=schema.TensorType.INT32)
    content = graph_file([words, table, Computed((1, 2, 3))], [Operator("GATHER", [1, 0], [2], "GatherOptions")], 2)
    session = open_model(content, 1)
    np.testing.assert_array_equal(session.run(np.array([[3, 1]], np.int32)), [[3, 4, 5, -3, -2, -1]])
    for number in (-1, 4):
        with pytest.raises(BackendError, match="0–3"):
            session.run(np.array([[number, 0]], np.int32))


@pytest.mark.parametrize("name", ["ADD", "MUL", "BATCH_MATMUL", "CONCATENATION"])
def test_output_that_is_larger_than_the_file_says_is_never_computed(name: str) -> None:
    """Of 2²² values each, all pairs would take terabytes."""
    long, small = Computed((1, 1 << 22, 1)), Computed((1, 1, 1 << 22))
    operators = [Operator("RESHAPE", [0], [1], "ReshapeOptions"), Operator(name, [0, 1], [2])]
    with pytest.raises(BackendError, match="the file says"):
        open_model(graph_file([long, small, Computed((1, 4, 4))], operators, 2), 1)


def test_slices_and_paddings_that_do_not_fit_are_refused() -> None:
    for operator, values in ((Operator("PAD", [0, 2], [1]), [[1, 1]]), (Operator("TRANSPOSE", [0, 2], [1]), [0, 0])):
        with pytest.raises(BackendError, match=r"(of|for) a tensor"):
            open_model(graph_file([Computed((1, 4)), Computed((1, 4)), _ints(*values)], [operator], 1), 1)
