"""Inputs with the exact outputs of the numpy backend, as C headers: golden vectors for the host, samples for boards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.c import literals
from numbre_export.c.c_model import CModel
from numbre_runtime.backends.integer import open_model

_RANDOM_VECTORS, _SAMPLES = 16, 10


@dataclass(frozen=True)
class Vectors:
    """Inputs of the C functions and what they give."""

    inputs: NDArray[Any]
    """(N, inputs): uint8 pixels for `predict`, or stored int8 values for `run`."""
    outputs: NDArray[np.int8]
    """(N, outputs)."""
    answers: NDArray[np.int64]
    """(N,): what the function returns."""

    @property
    def kind(self) -> str:
        """The C type of one input value."""
        return f"{self.inputs.dtype.name}_t"


def vectors(content: bytes, model: CModel, images: NDArray[np.uint8] | None = None) -> Vectors:
    """Runs the TFLite file.

    Args:
        content: The file.
        model: What `c_model` made of it.
        images: (N, …) pixels; without them, or where the library takes none, inputs are random.
    """
    session = open_model(content, 1)
    if images is None or model.pictures is None:
        inputs: NDArray[Any] = np.random.default_rng(0).integers(-128, 128, (_RANDOM_VECTORS, model.inputs), np.int8)
        outputs = session.run(inputs)
        return Vectors(inputs, outputs, outputs.argmax(axis=1))
    pixels = images.reshape(len(images), -1)
    entries = model.pictures.stored.shape[1]
    stored = model.pictures.stored[pixels, np.arange(pixels.shape[1]) % entries]
    outputs = session.run(stored)
    ranked = outputs.astype(np.int64)
    if model.pictures.none >= 0:
        ranked[:, model.pictures.none] = -129
    best = ranked.argmax(axis=1)
    counts = ranked.max(axis=1) >= model.pictures.lowest_score
    softmax = model.pictures.softmax
    if softmax is not None:
        powers = softmax.powers.astype(np.int64)[outputs.max(axis=1, keepdims=True).astype(np.int64) - outputs]
        counts = powers[np.arange(len(best)), best] * softmax.scale >= powers.sum(axis=1) * softmax.least
    return Vectors(pixels, outputs, np.where(counts, best, -1))


def golden_header(found: Vectors) -> str:
    """golden.h."""
    return f"""\
/* Inputs, and the outputs that the numpy backend computed for them. */
#include "model.h"

#define GOLDEN_VECTORS {len(found.inputs)}

{_table(f"static const {found.kind} golden_inputs[][{found.inputs.shape[1]}]", found.inputs)}
{_table(f"static const int8_t golden_outputs[][{found.outputs.shape[1]}]", found.outputs)}"""


def samples_header(found: Vectors, labels: NDArray[np.integer[Any]] | None, attribute: str = "") -> str:
    """samples.h: up to ten inputs, one of each class where the classes are known.

    Args:
        found: The vectors to choose from.
        labels: (N,) true classes.
        attribute: What puts an array in flash, " PROGMEM".
    """
    chosen = np.arange(min(_SAMPLES, len(found.inputs)))
    if labels is not None:
        chosen = np.unique(labels, return_index=True)[1][:_SAMPLES]
    answers = found.answers[chosen] if labels is None else labels[chosen]
    return f"""\
/* Inputs to try the model on, and {"what it answers" if labels is None else "their true classes"}. */
#include "model.h"

#define SAMPLES {len(chosen)}

{_table(f"static const {found.kind} samples[][{found.inputs.shape[1]}]{attribute}", found.inputs[chosen])}
static const int sample_answers[] = {{{", ".join(str(int(answer)) for answer in answers)}}};
"""


def _table(declaration: str, rows: NDArray[Any]) -> str:
    lines = ",\n".join(f"    {{\n{literals.wrapped(str(int(value)) for value in row)}\n    }}" for row in rows)
    return f"{declaration} = {{\n{lines}\n}};\n"
