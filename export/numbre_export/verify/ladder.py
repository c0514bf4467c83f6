"""The ladder: other ways to quantize, tried in order if plain int8 misses the gate, until one passes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numbre_export.convert.variant import Variant
from numbre_export.data.datasets import MORE_ROWS
from numbre_export.verify.explain import LayerNoise
from numbre_runtime.errors import ModelError
from numbre_runtime.manifest import Measurement

_MOST_KEPT = 3

_log = logging.getLogger(__name__)

Convert = Callable[[Variant, int], tuple[bytes, int]]
"""Makes a file with at most so many calibration rows; gives the file and the number of rows."""
Judge = Callable[[Variant, bytes], tuple[Measurement, list[str]]]
"""Runs a file on the validation rows; gives its figures and the bounds that it misses."""
Explain = Callable[[], list[LayerNoise]]
"""Examines the layers, worst first."""


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
    variant: Variant | None
    """The one that passed, if any did."""
    content: bytes
    """Its file."""
    chosen_on: str
    """The rows that decided, in words; never the test rows, which judge the chosen file alone."""


def climb(first: Variant, rows: int, chosen_on: str, convert: Convert, judge: Judge, explain: Explain) -> Climb:
    """Tries rung after rung and stops at the first that passes.

    Args:
        first: Plain int8.
        rows: How many rows to calibrate with, but for the rung that tries more.
        chosen_on: The rows that `judge` uses, in words.
        convert: See `Convert`.
        judge: See `Judge`.
        explain: See `Explain`; called only if a rung needs it.
    """
    rungs: list[Rung] = []
    _log.info("the ladder for %s, chosen on %s:", first.file, chosen_on)
    for what, variant, count in _steps(first, rows, explain):
        try:
            content, used = convert(variant, count)
            measured, missed = judge(variant, content)
            rung = Rung(what, used, measured, tuple(missed))
        except ModelError as error:
            rung = Rung(what, count, None, (str(error),))
        rungs.append(rung)
        _log.info("  %s, rung %d: %s", variant.format, len(rungs), rung)
        if rung.passed:
            return Climb(tuple(rungs), variant, content, chosen_on)
    return Climb(tuple(rungs), None, b"", chosen_on)


def _steps(first: Variant, rows: int, explain: Explain) -> Iterator[tuple[str, Variant, int]]:
    """(in words, variant, calibration rows) of every rung."""
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
