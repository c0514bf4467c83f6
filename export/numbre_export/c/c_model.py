"""What a generated library holds: a model's steps, where they work, and what its callers hand in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_export.c import literals
from numbre_runtime.backends.integer import open_model
from numbre_runtime.kernels.requantize import int8_tensor
from numbre_runtime.kernels.tflite_file import Layer, read_layers
from numbre_runtime.manifest import InputSpec, Manifest, TensorSpec
from numbre_runtime.native.arena import Arena, plan_arena
from numbre_runtime.native.steps import Parameters, Step, steps
from numbre_runtime.tensors import encoder

_ALL_PIXELS = np.arange(256, dtype=np.uint8)
_SIGN_FLIPPED = (_ALL_PIXELS ^ np.uint8(128)).view(np.int8)


@dataclass(frozen=True)
class Softmax:
    """A threshold on the softmax of int8 logits, in whole numbers of 32 bits.

    The best class counts if powers[largest − its logit] · `scale` ≥ the sum of all classes' powers · `least`.
    """

    powers: NDArray[np.uint16]
    """(256,): 2¹⁵ · exp(−n · step / temperature), of a logit that is n steps below the largest."""
    scale: int
    """Stands for a share of 1."""
    least: int
    """The smallest share that counts as an answer, times `scale`."""


@dataclass(frozen=True)
class Pictures:
    """How `predict` reads pixels and decides."""

    stored: NDArray[np.int8]
    """(256, n): what each pixel value is to the model, for each of the n entries of the last axis, or for all if 1."""
    labels: tuple[str, ...]
    """The classes, in the order of the scores."""
    none: int
    """The class that is never an answer, −1 if there is none."""
    lowest_score: int
    """The smallest stored score that counts as an answer, from −128, every score, to 128, none."""
    softmax: Softmax | None = None
    """How a threshold is applied to logits; None if there is no threshold, or the scores are a softmax already."""

    @property
    def flips_sign(self) -> bool:
        """Whether a pixel becomes an input by flipping its highest bit."""
        return bool((self.stored == _SIGN_FLIPPED[:, None]).all())


@dataclass(frozen=True)
class CModel:
    """A model, ready to be written as C."""

    prefix: str
    """What the library's names begin with."""
    name: str
    """The model's name, for people."""
    sha256: str
    """Of the TFLite file."""
    steps: tuple[Step, ...]
    """Its kernels' calls."""
    arena: Arena
    """Where their activations lie."""
    source: TensorSpec
    """The input tensor."""
    output: TensorSpec
    """The output tensor."""
    shape: tuple[int, ...]
    """Shape of one input."""
    pictures: Pictures | None
    """None for a model that takes no pixels, or of which only the TFLite file is known."""

    @property
    def inputs(self) -> int:
        """Values of one input."""
        return self.steps[0].inputs

    @property
    def outputs(self) -> int:
        """Values of one output."""
        return self.steps[-1].outputs

    @property
    def macs(self) -> int:
        """Multiplications of an input with a weight in one run."""
        return sum(step.macs for step in self.steps)

    @property
    def constants(self) -> int:
        """Bytes of weights, biases, scales and tables."""
        table = 0 if self.pictures is None or self.pictures.flips_sign else self.pictures.stored.nbytes
        return table + sum(_array_bytes(step.parameters) for step in self.steps)

    @property
    def flips_while_reading(self) -> bool:
        """Whether the first step reads pixels where they are, so that the arena needs no copy of the picture."""
        return self.pictures is not None and self.pictures.flips_sign and self.steps[0].kernel == "convolution"

    @property
    def arena_bytes(self) -> int:
        """Size of the library's one buffer: the activations, then what a kernel needs for itself."""
        return self.arena.bytes + self.arena.scratch


def c_model(content: bytes, name: str, prefix: str = "numbre", manifest: Manifest | None = None) -> CModel:
    """Reads an int8 TFLite file.

    Args:
        content: The file, from anywhere.
        name: The model's name, for people.
        prefix: What the library's names begin with, a C identifier.
        manifest: The bundle's manifest, which says how pixels are read and what the classes are.

    Raises:
        BackendUnsupportedError: The numpy backend does not compute it, or the C kernels do not.
        BackendError: The file is damaged, as the numpy backend finds.
        DataError: The prefix is no C identifier.
    """
    open_model(content, 1)
    return c_model_of(read_layers(content), name, prefix, manifest, hashlib.sha256(content).hexdigest())


def c_model_of(
    layers: Sequence[Layer], name: str, prefix: str = "numbre", manifest: Manifest | None = None, sha256: str = ""
) -> CModel:
    """`c_model` of layers that the numpy backend has accepted."""
    literals.identifier(prefix)
    found = tuple(steps(layers))
    source, output = int8_tensor(layers[0].inputs[0]), int8_tensor(layers[-1].output)
    ends = tuple(TensorSpec("int8", float(tensor.scale), tensor.zero_point) for tensor in (source, output))
    pictures = None
    if manifest is not None and manifest.input.dtype == "uint8":
        pictures = _pictures(manifest, ends[0], ends[1])
    in_place = pictures is None or (pictures.flips_sign and found[0].kernel == "convolution")
    return CModel(
        prefix=prefix,
        name=name,
        sha256=sha256,
        steps=found,
        arena=plan_arena(found, holds_input=not in_place),
        source=ends[0],
        output=ends[1],
        shape=source.shape[1:],
        pictures=pictures,
    )


def _array_bytes(parameters: Parameters) -> int:
    """Bytes of all arrays among a struct's members."""
    total = 0
    for value in parameters.values():
        if isinstance(value, np.ndarray):
            total += value.nbytes
        elif isinstance(value, Mapping):
            total += _array_bytes(value)
    return total


def _pictures(manifest: Manifest, source: TensorSpec, output: TensorSpec) -> Pictures:
    scores = (np.arange(-128, 128).astype(np.float32) - np.float32(output.zero_point)) * np.float32(output.scale)
    threshold = manifest.threshold
    logits = manifest.output == "logits"
    return Pictures(
        stored=_stored_pixels(manifest.input, source),
        labels=manifest.labels,
        none=-1 if manifest.none_label is None else manifest.labels.index(manifest.none_label),
        lowest_score=-128 + int((scores < threshold).sum()) if threshold > 0 and not logits else -128,
        softmax=_softmax(manifest, output.scale) if threshold > 0 and logits else None,
    )


def _softmax(manifest: Manifest, step: float) -> Softmax:
    powers = np.round((1 << 15) * np.exp(-np.arange(256) * (step / manifest.temperature)))
    # The sum of all powers, times the scale, stays within 32 bits.
    scale = (1 << 17) >> max(1, len(manifest.labels).bit_length())
    return Softmax(powers.astype(np.uint16), scale, round(manifest.threshold * scale))


def _stored_pixels(spec: InputSpec, source: TensorSpec) -> NDArray[np.int8]:
    """`Pictures.stored`."""
    entries = len(spec.factors) if spec.preprocessing == "affine" else 1
    stored = encoder(spec, source)(np.repeat(_ALL_PIXELS[:, None], entries, axis=1)).astype(np.int8)
    alike = bool((stored == stored[:, :1]).all())
    return stored[:, :1] if alike else stored
