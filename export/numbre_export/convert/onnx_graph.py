"""Reading an ONNX file, and the edits of its graph that several conversions need.

The edits are named as in ONNX's own ir-py: `rename_value` (rename_values) and `replace_uses` (replace_all_uses_with).
"""

from __future__ import annotations

from typing import Any

from numbre_runtime.backends.onnx_structure import has_external_data
from numbre_runtime.errors import ModelError, one_line

PRODUCTS = ("MatMul", "Gemm", "Conv")
"""The operators that multiply by weights."""


def read_onnx(content: bytes) -> Any:
    """Reads an ONNX model whose weights are all in the file itself.

    Returns:
        The onnx.ModelProto.

    Raises:
        ModelError: It is none, or keeps weights in other files.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        if has_external_data(content):
            raise ModelError("the ONNX file keeps weights in another file; save it as one file")
        return onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as cause:
        if isinstance(cause, ModelError):
            raise
        raise ModelError(f"not an ONNX file ({one_line(cause)})") from cause


def rename_value(graph: Any, old: str, new: str) -> None:
    """Renames a value where a node makes it and where nodes read it; the graph's own inputs and outputs keep theirs."""
    for node in graph.node:
        for names in (node.input, node.output):
            _replace(names, old, new)


def replace_uses(graph: Any, old: str, new: str) -> None:
    """Lets every node that reads `old` read `new`."""
    for node in graph.node:
        _replace(node.input, old, new)


def _replace(names: Any, old: str, new: str) -> None:
    for index, name in enumerate(names):
        if name == old:
            names[index] = new
