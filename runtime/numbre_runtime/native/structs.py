"""The kernels' C structs as ctypes structures, filled from a step's parameters."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from numbre_runtime.native.steps import Parameters

_TYPES: dict[str, Any] = {
    **dict.fromkeys(("length", "rows", "groups"), ctypes.c_size_t),
    **dict.fromkeys(("entries", "channels", "multiplier"), ctypes.c_uint16),
    **dict.fromkeys(("step", "pool_y", "pool_x"), ctypes.c_uint8),
    **dict.fromkeys(("zero", "low", "high", "fill", "input_zero"), ctypes.c_int8),
}
"""The type of each member that is a number; those of the struct windows are all uint16_t."""


def structure(name: str, members: Parameters, keep: list[Any]) -> ctypes.Structure:
    """A C struct.

    Args:
        name: The struct's name.
        members: Its members, in the order of its declaration.
        keep: Takes the arrays that the struct points to: they have to live as long as it does.
    """
    fields: list[tuple[str, Any]] = []
    values: list[Any] = []
    for key, member in members.items():
        if isinstance(member, np.ndarray):
            array = np.ascontiguousarray(member)
            keep.append(array)
            fields.append((key, ctypes.c_void_p))
            values.append(array.ctypes.data)
        elif isinstance(member, Mapping):
            inner = structure(key, member, keep)
            fields.append((key, type(inner)))
            values.append(inner)
        else:
            fields.append((key, ctypes.c_uint16 if name == "windows" else _TYPES[key]))
            values.append(int(member))
    kind = type(name, (ctypes.Structure,), {"_fields_": fields})
    made: ctypes.Structure = kind(*values)
    return made


class StepStructure(ctypes.Structure):
    """`struct step` of run_rows.c."""

    _fields_ = (
        ("kernel", ctypes.c_uint8),
        ("layer", ctypes.c_void_p),
        ("input", ctypes.c_size_t),
        ("output", ctypes.c_size_t),
    )
