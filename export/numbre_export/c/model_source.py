"""model.h and model.c: the kernels that a model needs, its constants, and the functions that run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from numbre_export.c import literals
from numbre_export.c.c_model import CModel, Pictures
from numbre_runtime.native.kernel_sources import kernel_source
from numbre_runtime.native.steps import Parameters

HEADER, SOURCE = "model.h", "model.c"
MARK = "written by numbre-export --c"
"""Stands in the first lines of both files."""


def model_files(model: CModel) -> dict[str, str]:
    """The library's two files, name to text."""
    return {HEADER: header(model), SOURCE: source(model)}


def header(model: CModel) -> str:
    """model.h."""
    upper, prefix = model.prefix.upper(), model.prefix
    shape = "×".join(str(size) for size in model.shape)
    text = f"""\
/* {literals.remark(model.name)}: an int8 neural network in C99, {MARK}. Do not edit.
   SHA-256 of its TensorFlow Lite file: {model.sha256}

   No heap, no floating-point numbers, no C library. All functions share one static buffer: call them from one
   thread at a time, and not from an interrupt. */
#ifndef {upper}_MODEL_H
#define {upper}_MODEL_H

#include <stdint.h>

#define {upper}_INPUTS {model.inputs} /* {shape} */
#define {upper}_OUTPUTS {model.outputs}
#define {upper}_ARENA_BYTES {model.arena_bytes} /* size of the static buffer */
#define {upper}_MACS {model.macs} /* multiplications in one run */

/* A stored value q means (q - ZERO) * SCALE. */
#define {upper}_INPUT_SCALE {_real(model.source.scale)}
#define {upper}_INPUT_ZERO ({model.source.zero_point})
#define {upper}_OUTPUT_SCALE {_real(model.output.scale)}
#define {upper}_OUTPUT_ZERO ({model.output.zero_point})
"""
    if model.pictures is not None:
        text += _labels(upper, model.pictures)
    text += f"""
#ifdef __cplusplus
extern "C" {{
#endif

/* Runs the network on stored values. Returns the first of the largest outputs. */
int {prefix}_run(const int8_t input[{upper}_INPUTS], int8_t output[{upper}_OUTPUTS]);
"""
    if model.pictures is not None:
        text += f"""
/* Runs the network on pixels from 0 to 255, as the model was trained on them. Returns the class with the largest
   score{_answer(model.pictures)}. */
int {prefix}_predict(const uint8_t image[{upper}_INPUTS], int8_t scores[{upper}_OUTPUTS]);
"""
    return f"""{text}
#ifdef __cplusplus
}}
#endif

#endif
"""


def source(model: CModel) -> str:
    """model.c."""
    constants = "\n".join(_constants(model))
    return f"""\
/* {literals.remark(model.name)}, {MARK}; see model.h. */
#include "model.h"

#include <stddef.h>

/* C leaves it to the compiler how negative numbers are shifted; every one in use keeps the sign. */
typedef char {model.prefix}_needs_arithmetic_shifts[(-1 >> 1) == -1 ? 1 : -1];

{kernel_source({step.kernel for step in model.steps})}
{constants}
{_arena(model)}{_forward(model)}
{_functions(model)}"""


def _real(value: float) -> str:
    return f"{float(np.float32(value))!r}f"


def _labels(upper: str, pictures: Pictures) -> str:
    names = ", ".join(literals.string(label) for label in pictures.labels)
    return f"\n#define {upper}_LABELS {{{names}}}\n"


def _answer(pictures: Pictures) -> str:
    text = ""
    if pictures.none >= 0:
        text += f" but class {pictures.none}, which stands for none of the others"
    if pictures.lowest_score > -128:
        text += f", or -1 if that score is below {pictures.lowest_score}"
    if pictures.softmax is not None:
        text += f", or -1 if its share of the softmax is below {pictures.softmax.least / pictures.softmax.scale:.4f}"
    return text


def _constants(model: CModel) -> Iterator[str]:
    """Each step's arrays, then its struct."""
    for number, step in enumerate(model.steps, start=1):
        arrays: list[str] = []
        members = _members(step.parameters, f"{step.kernel}_{number}", arrays)
        kind = "pool" if step.kernel.endswith("_pool") else step.kernel
        yield f"/* {number}: {step.title} */"
        yield from arrays
        yield f"static const IN_FLASH struct {kind} {step.kernel}_{number} = {literals.initializer(members)};\n"
    pictures = model.pictures
    if pictures is not None and not pictures.flips_sign:
        yield f"/* What a pixel is to the network: [{pictures.stored.shape[1]}][256] */"
        yield literals.array("stored_pixels", pictures.stored.T)
    if pictures is not None and pictures.softmax is not None:
        yield "/* The exponential function of logits that are so many steps below the largest */"
        yield literals.array("powers", pictures.softmax.powers)


def _members(parameters: Parameters, name: str, arrays: list[str]) -> dict[str, Any]:
    """A struct's members as C text; the arrays among them are appended to `arrays`."""
    members: dict[str, Any] = {}
    for key, value in parameters.items():
        if isinstance(value, np.ndarray):
            members[key] = f"{name}_{key}"
            arrays.append(literals.array(members[key], value))
        elif isinstance(value, Mapping):
            members[key] = _members(value, name, arrays)
        else:
            members[key] = literals.number(int(value))
    return members


def _arena(model: CModel) -> str:
    return f"static int8_t arena[{model.prefix.upper()}_ARENA_BYTES];\n\n" if model.arena_bytes else ""


def _forward(model: CModel) -> str:
    """The chain of kernels."""
    offsets = [_at(offset) for offset in model.arena.offsets]
    inner = len(model.steps) - 1
    places = ["input", *offsets[len(offsets) - inner :], "output"]
    lines = []
    for number, step in enumerate(model.steps, start=1):
        extra = ""
        if step.kernel == "convolution":
            flip = "flip" if number == 1 and model.flips_while_reading else "0"
            extra = f", {flip}, {_at(model.arena.bytes)}"
        lines.append(f"    {step.kernel}({places[number - 1]}, {places[number]}, &{step.kernel}_{number}{extra});")
    flip = ", uint8_t flip" if model.flips_while_reading else ""
    comment = "/* `flip` is 128 if the input holds pixels. */\n" if flip else ""
    return f"{comment}static void forward(const int8_t *input{flip}, int8_t *output)\n{{\n" + "\n".join(lines) + "\n}\n"


def _at(offset: int) -> str:
    return f"arena + {offset}" if offset else "arena"


def _functions(model: CModel) -> str:
    """The functions that model.h declares."""
    upper, flip = model.prefix.upper(), ", 0" if model.flips_while_reading else ""
    text = f"""\
/* The first of the largest outputs, but for the one numbered `none`. */
static int largest(const int8_t *output, int none)
{{
    int best = none == 0, at;
    for (at = best + 1; at < {upper}_OUTPUTS; at++)
        if (at != none && output[at] > output[best])
            best = at;
    return best;
}}

int {model.prefix}_run(const int8_t input[{upper}_INPUTS], int8_t output[{upper}_OUTPUTS])
{{
    forward(input{flip}, output);
    return largest(output, -1);
}}
"""
    if model.pictures is None:
        return text
    return f"""{text}
int {model.prefix}_predict(const uint8_t image[{upper}_INPUTS], int8_t scores[{upper}_OUTPUTS])
{{
{_reading(model, model.pictures)}{_decision(model, model.pictures)}}}
"""


def _reading(model: CModel, pictures: Pictures) -> str:
    """How `predict` starts: pixels in, scores out."""
    if model.flips_while_reading:
        return "    forward((const int8_t *)image, 128, scores);\n"
    entries = pictures.stored.shape[1]
    stored = "image[at] ^ 128" if pictures.flips_sign else "stored_pixels[image[at]]"
    if entries > 1:
        stored = f"stored_pixels[at % {entries} * 256 + image[at]]"
    place = _at(model.arena.offsets[0])
    store = f"(int8_t)({stored})" if pictures.flips_sign else stored
    return f"""\
    int8_t *input = {place};
    size_t at;
    for (at = 0; at < {model.prefix.upper()}_INPUTS; at++)
        input[at] = {store};
    forward(input, scores);
"""


def _decision(model: CModel, pictures: Pictures) -> str:
    if pictures.softmax is not None:
        return f"""\
    int best = largest(scores, {pictures.none}), most = largest(scores, -1), at;
    uint32_t total = 0;
    for (at = 0; at < {model.prefix.upper()}_OUTPUTS; at++)
        total += powers[scores[most] - scores[at]];
    return powers[scores[most] - scores[best]] * (uint32_t){pictures.softmax.scale} <
                   total * {pictures.softmax.least} ? -1 : best;
"""
    if pictures.lowest_score <= -128:
        return f"    return largest(scores, {pictures.none});\n"
    return f"""\
    int best = largest(scores, {pictures.none});
    return scores[best] < {pictures.lowest_score} ? -1 : best;
"""
