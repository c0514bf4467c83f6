"""What is tried when plain int8 misses the gate, in order, until something passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.recipe import Recipe
from numbre_export.data.datasets import MORE_ROWS, ExportData
from numbre_export.verify.explain import LayerNoise
from numbre_runtime.errors import ModelError
from numbre_runtime.manifest import Measurement

_MOST_KEPT = 3

Convert = Callable[[Recipe, NDArray[np.float32]], bytes]
Judge = Callable[[Recipe, bytes], tuple[Measurement, list[str]]]
Explain = Callable[[], list[LayerNoise]]


@dataclass(frozen=True)
class Rung:
    """One try."""

    what: str
    """In words."""
    rows: int
    """Calibration rows."""
    measured: Measurement | None
    """What it gave; None where the converter does not make it."""
    missed: tuple[str, ...]
    """The bounds that it misses, in words; empty for the one that passes."""

    @property
    def passed(self) -> bool:
        """Whether it keeps every bound."""
        return not self.missed

    def note(self) -> dict[str, Any]:
        """For the manifest."""
        figures = {} if self.measured is None else self.measured._asdict()
        kept = ("backend", "accuracy", "agreement", "p_value", "worst_class", "worst_class_drop", "largest_difference")
        return {
            "what": self.what,
            "rows": self.rows,
            **{key: figures[key] for key in kept if key in figures},
            "missed": list(self.missed),
        }

    def __str__(self) -> str:
        if self.measured is None:
            return f"{self.what}: {'; '.join(self.missed)}"
        figures = f"accuracy {self.measured.accuracy:.2%}, agreement {self.measured.agreement:.2%}"
        if self.measured.worst_class_drop is not None:
            figures += f", worst class '{self.measured.worst_class}' −{self.measured.worst_class_drop * 100:.2f} points"
        return f"{self.what}: {figures}: {'passes' if self.passed else 'misses the gate'}"


@dataclass(frozen=True)
class Climb:
    """How far the ladder was climbed for one format."""

    rungs: tuple[Rung, ...]
    """All that were tried, in order."""
    recipe: Recipe | None
    """The one that passed, if any did."""
    content: bytes
    """Its file."""
    chosen_on: str
    """The rows that decided, in words; never the test rows, which judge the chosen file alone."""


def climb(
    first: Recipe,
    rows: int,
    data: ExportData,
    convert: Convert,
    judge: Judge,
    explain: Explain,
    say: Callable[[str], None],
) -> Climb:
    """Tries rung after rung and stops at the first that passes.

    Args:
        first: Plain int8.
        rows: How many rows to calibrate with, but for the rung that tries more.
        data: Where calibration rows come from.
        convert: Makes a file.
        judge: Runs a file on the validation rows; gives its figures and the bounds that it misses.
        explain: Examines the layers, worst first; called where a rung needs it.
        say: Takes one line a rung.
    """
    rungs: list[Rung] = []
    say(f"the ladder for {first.file}, chosen on {data.validation_source}:")
    for what, recipe, count in _steps(first, rows, explain):
        calibration = data.calibration(count)
        try:
            content = convert(recipe, calibration)
            measured, missed = judge(recipe, content)
            rung = Rung(what, len(calibration), measured, tuple(missed))
        except ModelError as error:
            rung = Rung(what, len(calibration), None, (str(error),))
        rungs.append(rung)
        say(f"  {recipe.format}, rung {len(rungs)}: {rung}")
        if rung.passed:
            return Climb(tuple(rungs), recipe, content, data.validation_source)
    return Climb(tuple(rungs), None, b"", data.validation_source)


def _steps(first: Recipe, rows: int, explain: Explain) -> Iterator[tuple[str, Recipe, int]]:
    """(in words, recipe, calibration rows) of every rung."""
    yield "int8 as asked", first, rows
    for granularity, words in (("channel", "one weight scale a channel"), ("tensor", "one weight scale a tensor")):
        if first.granularity != granularity:
            yield f"int8, {words}", replace(first, granularity=granularity), rows
    fine = replace(first, granularity="channel")
    if first.format == "onnx":
        if first.weights != "int7":
            yield "int8, weights of 7 bits, a channel", replace(fine, weights="int7"), rows
        fine = replace(fine, weights="uint8")
        yield "uint8, weights of 8 bits, a channel", fine, rows
    if rows < MORE_ROWS:
        yield f"{fine.weights}, a channel, {MORE_ROWS} rows", fine, MORE_ROWS
    methods = ("octav",) if first.format == "tflite" else ("percentile", "entropy")
    for method in methods:
        yield f"{fine.weights}, a channel, ranges by {method}", replace(fine, method=method), rows
    mixed = replace(fine, precision="mixed")
    worst = explain()
    for count in range(1, min(_MOST_KEPT, len(worst) - 1) + 1):
        kept = worst[:count]
        names = ", ".join(item.layer for item in kept)
        tflite = first.format == "tflite"
        which = tuple(item.tensor if tflite else item.layer for item in kept)
        if tflite:
            yield f"mixed, {names} in int16", replace(mixed, kept=which, kept_as="int16"), rows
        yield f"mixed, {names} in float32", replace(mixed, kept=which), rows
    yield "int16x8", replace(fine, precision="int16x8", weights="int8"), rows
