"""A TFLite file as the objects of its schema, and the names of its operators and types (TensorFlow's schema.fbs)."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

from numbre_runtime.errors import ModelError

_IDENTIFIER = b"TFL3"


def read_tflite(content: bytes) -> Any:
    """The file as the schema's `ModelT`, whose fields may be changed.

    Raises:
        ModelError: It is no TFLite file, or a damaged one.
    """
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != _IDENTIFIER:
        raise ModelError("not a TFLite file: the identifier TFL3 is missing")
    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    except (struct.error, IndexError, ValueError, TypeError, MemoryError) as cause:
        raise ModelError(f"not a readable TFLite file ({type(cause).__name__}: {cause})") from cause


@cache
def tensor_types() -> dict[int, str]:
    """The schema's number of each tensor type to its name, such as "INT8"."""
    from ai_edge_litert import schema_py_generated as schema

    return _enumeration(schema.TensorType)


@cache
def builtin_operators() -> dict[int, str]:
    """The schema's number of each operator to its name, such as "FULLY_CONNECTED"."""
    from ai_edge_litert import schema_py_generated as schema

    return _enumeration(schema.BuiltinOperator)


def operator_name(code: Any) -> str:
    """The name of an `OperatorCodeT`; "operator 999" if the schema does not know it.

    Numbers from 127 on do not fit the older of the two fields, so the larger one counts.
    """
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return builtin_operators().get(number, f"operator {number}")


def _enumeration(kind: type) -> dict[int, str]:
    return {value: name for name, value in vars(kind).items() if not name.startswith("_")}
