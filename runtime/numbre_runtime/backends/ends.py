"""Input and output of a model file, as the file itself describes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from numbre_runtime.errors import BundleError

if TYPE_CHECKING:
    from numbre_runtime.manifest import Artifact, Manifest, TensorSpec


class End(NamedTuple):
    """One end of a model."""

    shape: tuple[int, ...]
    """Its shape with the batch first, 0 where the file leaves a size open."""
    dtype: str
    """NumPy name of the stored type."""
    scale: float
    """Step between two stored values; 1.0 for floats."""
    zero_point: int
    """Stored value that means 0; 0 for floats."""


class Ends(NamedTuple):
    """Both ends of a model."""

    input: End
    """What it takes."""
    output: End
    """What it gives."""


def compare_ends(ends: Ends, manifest: Manifest, artifact: Artifact, where: str) -> None:
    """Compares what a manifest says of a model with what the model says of itself.

    Args:
        ends: From the model file.
        manifest: What the bundle says of itself.
        artifact: The model's entry in it.
        where: The file's name, for messages.

    Raises:
        BundleError: Shape, dtype, scale or zero point differ.
    """
    pairs = (
        ("input", ends.input, artifact.input, math.prod(manifest.input.shape)),
        ("output", ends.output, artifact.output, len(manifest.labels)),
    )
    for name, end, said, values in pairs:
        if end.dtype != said.dtype or not _same_grid(end, said):
            raise BundleError(
                f"{where}: the manifest says that its {name} is {_words(said)}, the file says {_words(end)}; "
                "export the bundle again"
            )
        sizes = end.shape[1:]
        if 0 not in sizes and math.prod(sizes) != values:
            raise BundleError(
                f"{where}: its {name} has {math.prod(sizes):,} values a row, the manifest says {values:,}; "
                "export the bundle again"
            )


def _same_grid(end: End, said: TensorSpec) -> bool:
    # Model files hold float32; a manifest from another program may have rounded the decimal number.
    close = math.isclose(end.scale, said.scale, rel_tol=1e-6)
    return close and end.zero_point == said.zero_point


def _words(tensor: End | TensorSpec) -> str:
    return f"{tensor.dtype} with scale {tensor.scale:.6g} and zero point {tensor.zero_point}"
