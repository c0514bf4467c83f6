"""The kernels' C text, put together for the kernels that a model needs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

_WEIGHED = ("high_product", "requantize", "dot", "weigh_x86", "weigh")
_NEEDS: dict[str, tuple[str, ...]] = {
    "dense": _WEIGHED,
    "convolution": (*_WEIGHED, "windows", "inside", "copy", "keep_larger"),
    "depthwise": ("high_product", "requantize", "windows", "inside"),
    "max_pool": ("windows", "inside", "pool", "keep_larger"),
    "average_pool": ("windows", "inside", "pool"),
    "softmax": ("high_product",),
}
"""What each kernel's file needs before it."""
_ORDER = (
    *("flash", "high_product", "requantize", "dot", "weigh_x86", "weigh", "dense", "windows"),
    *("inside", "copy", "keep_larger", "convolution", "depthwise", "pool", "max_pool", "average_pool", "softmax"),
)
"""Every file, in the order that C needs."""


KERNELS = ("dense", "convolution", "depthwise", "max_pool", "average_pool", "softmax")
"""Every kernel, as `enum kernel` in run_rows.c numbers them."""


def library_source() -> str:
    """All kernels and `numbre_run_rows`, which runs a chain of them, as one C file."""
    runner = (files("numbre_runtime.native") / "sources" / "run_rows.c").read_text(encoding="utf-8")
    return f"#include <stddef.h>\n#include <stdint.h>\n\n{kernel_source(KERNELS)}\n{runner}"


def kernel_source(kernels: Iterable[str]) -> str:
    """The C99 text of some kernels and of all that they call, each once, as static functions.

    >>> "static void softmax(" in kernel_source(["softmax"])
    True
    """
    needed = {"flash"}
    for kernel in kernels:
        needed |= {kernel, *_NEEDS[kernel]}
    folder = files("numbre_runtime.native") / "sources"
    return "\n".join((folder / f"{name}.c").read_text(encoding="utf-8") for name in _ORDER if name in needed)
