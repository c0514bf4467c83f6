"""Keras to ONNX, by tf2onnx, and from there to the other precisions by ONNX Runtime's own tools.

tf2onnx's `from_keras` fails on Keras 3 (KeyError: 'keras_tensor_…'); `from_function` works.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.engine import quiet_converter, tensorflow
from numbre_export.convert.onnx_graph import PRODUCTS, rename_value
from numbre_export.convert.onnx_integer import prepare, to_integer
from numbre_export.convert.onnx_io import quantize_io
from numbre_export.convert.variant import Variant

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR = 13, 7
"""Loaded by every ONNX Runtime from 1.7 (2021) on."""
INPUT, OUTPUT = "pixels", "scores"


def to_onnx(model: Any, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
    """Converts as the variant says.

    Args:
        model: The keras.Model, or what `to_onnx` gave for float32.
        variant: See `Variant`.
        calibration: (rows, *input shape) float32 inputs that show the range of every activation.

    Raises:
        ModelError: The converter or the quantizer does not take the model.
    """
    float32 = model if isinstance(model, bytes) else _to_float32(model)
    if variant.precision == "float32":
        return float32
    convert = {"float16": _to_float16, "dynamic": _to_dynamic}.get(variant.precision)
    with quiet_converter("ONNX Runtime's quantizer"):
        if convert is not None:
            return _tidied(convert(float32, variant))
        integer = to_integer(float32, variant, calibration)
        if variant.io_dtype != "float32":
            quantize_io(integer, variant.io_dtype, calibration)
        return _tidied(integer)


def _to_float32(model: Any) -> bytes:
    tf = tensorflow()
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype, name=INPUT)]
    function = tf.function(lambda values: model(values, training=False), input_signature=signature)
    with quiet_converter("tf2onnx"):
        import tf2onnx

        with _without_xla(tf):
            graph = function.get_concrete_function().graph
        proto, _ = tf2onnx.convert.from_function(
            function, input_signature=signature, opset=OPSET, custom_op_handlers={"Erfc": (_erfc, [])}
        )
        _store_captured(proto.graph, graph)
        _name_products(proto.graph)
        return _tidied(proto)


@contextmanager
def _without_xla(tf: Any) -> Iterator[None]:
    """Lets Keras trace grouped convolutions into the graph; it compiles them by XLA, which tf2onnx does not read."""
    decorator = tf.function

    def plain(function: Any = None, **options: Any) -> Any:
        return (lambda inner: inner) if options.get("jit_compile") else decorator(function, **options)

    tf.function = plain
    try:
        yield
    finally:
        tf.function = decorator


def _erfc(context: Any, node: Any, name: str, args: Any) -> Any:  # noqa: ARG001
    """1 − erf(x) in place of TensorFlow's Erfc, which Keras's GELU uses and ONNX does not have."""
    one = context.make_const(f"{name}_one", np.ones((), np.float32))
    erf = context.make_node("Erf", [node.input[0]])
    shapes, dtypes = node.output_shapes, node.output_dtypes
    context.remove_node(name)
    return context.make_node(
        "Sub", [one.output[0], erf.output[0]], outputs=node.output, shapes=shapes, dtypes=dtypes, name=name
    )


def _store_captured(onnx_graph: Any, graph: Any) -> None:
    """Stores constants that the model keeps outside its weights, as Normalization does; tf2onnx makes them inputs."""
    from onnx import numpy_helper

    values = {placeholder.name: value for value, placeholder in graph.captures if value.dtype.name != "resource"}
    for extra in [item for item in onnx_graph.input if item.name in values]:
        onnx_graph.initializer.append(numpy_helper.from_array(values[extra.name].numpy(), extra.name))
        onnx_graph.input.remove(extra)


def _name_products(graph: Any) -> None:
    """Names every product that tf2onnx made of several operators ("Conv__53") after the layer of its weights."""
    for node in graph.node:
        if node.op_type in PRODUCTS and "/" not in node.name and "/" in node.input[1]:
            node.name = f"{node.input[1].rsplit('/', 1)[0]}/{node.name}"


def _to_float16(float32: bytes, variant: Variant) -> ModelProto:  # noqa: ARG001
    """Weights and arithmetic in float16, by ONNX Runtime's own tool."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    halved = OnnxModel(convert_float_to_float16(onnx.load_model_from_string(float32), keep_io_types=True))
    halved.topological_sort(is_deterministic=True)
    return halved.model  # type: ignore[no-any-return]


def _to_dynamic(float32: bytes, variant: Variant) -> ModelProto:
    """int8 weights; ONNX Runtime quantizes each activation while it runs."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as directory:
        prepared, result = prepare(Path(directory), float32), Path(directory) / "dynamic"
        quantize_dynamic(
            prepared,
            result,
            per_channel=variant.granularity == "channel",
            weight_type=QuantType.QUInt8 if variant.weights == "uint8" else QuantType.QInt8,
        )
        return onnx.load_model_from_string(result.read_bytes())


def _tidied(proto: ModelProto) -> bytes:
    """The model with what changes from run to run taken out, so that the same model gives the same bytes.

    The converters leave weights in the order of a hash table, numbered names for the batch size, unused domains and
    notes of their own.
    """
    import onnx

    graph = proto.graph
    used = [name for node in graph.node for name in node.input]
    weights = sorted((weight for weight in graph.initializer if weight.name in used), key=lambda w: used.index(w.name))
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.value_info[:]
    graph.name = "numbre"
    rename_value(graph, graph.output[0].name, OUTPUT)
    graph.output[0].name = OUTPUT
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    domains = {node.domain for node in graph.node}
    opsets = [entry for entry in proto.opset_import if entry.domain in domains]
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    del proto.metadata_props[:]
    if not domains <= {"", "ai.onnx"} or all(item.version <= OPSET for item in opsets):
        # A file that came as ONNX may need a newer one.
        proto.ir_version = IR
    if domains <= {"", "ai.onnx"}:
        onnx.checker.check_model(proto, full_check=True)
    else:
        # ONNX Runtime's quantizer asks for opset 21 although its own domain's nodes do without; the checker does not
        # know that domain.
        next(entry for entry in proto.opset_import if entry.domain in ("", "ai.onnx")).version = OPSET
    return bytes(proto.SerializeToString(deterministic=True))
