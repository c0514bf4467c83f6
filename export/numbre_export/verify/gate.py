"""The gate: what each written file does on the test rows, through the runtime, held against Keras and the bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.verify.statistics import (
    SIGNIFICANT,
    calibration_error,
    recall_drops,
    wilson_interval,
)
from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import Bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.errors import BackendError, NumbreError
from numbre_runtime.manifest import Artifact, Measurement
from numbre_runtime.measures import log_loss, mcnemar_p
from numbre_runtime.tensors import decoder

_ROUNDING = 1e-6
"""Shares of 10,000 images are not exact in binary; a millionth is far below one image."""


class ParityError(NumbreError):
    """An exported file that misses its bounds."""

    exit_code = 3

    def __init__(self, message: str, remedy: Sequence[str] = ()) -> None:
        """Makes the error.

        Args:
            message: What misses which bound.
            remedy: Options of numbre-export to try next.
        """
        super().__init__(message)
        self.remedy = tuple(remedy)


@dataclass(frozen=True)
class Bounds:
    """The bounds of a precision: how close a file must stay to the Keras model."""

    agreement: float
    """Smallest share of rows with the same answer, 0–1."""
    difference: float
    """Largest difference of any score."""


@dataclass(frozen=True)
class Gate:
    """The user's bounds, the same for all precisions."""

    max_drop: float = 0.001
    """Largest loss of accuracy, 0–1; 0.001 is a tenth of a point."""
    max_class_drop: float = 0.005
    """Largest loss of any class's recall, 0–1."""
    min_agreement: float | None = None
    """Smallest share of rows with the same answer, 0–1; None is what `BOUNDS` says."""

    def agreement(self, precision: str) -> float:
        """The bound of agreement that a precision is held to."""
        return BOUNDS[precision].agreement if self.min_agreement is None else self.min_agreement

    def applied(self, precisions: Iterable[str]) -> dict[str, float | dict[str, float]]:
        """Every bound that files of these precisions were held to, for the manifest."""
        held = sorted(set(precisions))
        return {
            "max_drop": self.max_drop,
            "max_class_drop": self.max_class_drop,
            "min_agreement": {precision: self.agreement(precision) for precision in held},
            "max_difference": {precision: BOUNDS[precision].difference for precision in held},
        }


_INTEGER = Bounds(agreement=0.997, difference=1.0)
BOUNDS = {
    "float32": Bounds(agreement=0.9999, difference=1e-5),
    "float16": Bounds(agreement=0.999, difference=2e-2),
    "dynamic": _INTEGER,
    "weight8": _INTEGER,
    "weight4": _INTEGER,
    "int8": _INTEGER,
    "mixed": _INTEGER,
    "int16x8": _INTEGER,
}


@dataclass(frozen=True)
class TestSet:
    """The rows that decide, with what Keras says of them."""

    __test__ = False  # pytest must not take it for a test

    images: NDArray[Any]
    """(N, *input shape), uint8 pixels or float32 values."""
    labels: NDArray[np.integer]
    """(N,) true classes."""
    scores: NDArray[np.float32]
    """(N, classes) of the Keras model, the softmax of its logits where it gives those."""

    @property
    def answers(self) -> NDArray[np.int64]:
        """(N,) the Keras model's own answers."""
        answers: NDArray[np.int64] = self.scores.argmax(axis=1)
        return answers

    @property
    def accuracy(self) -> float:
        """The Keras model's own share of right answers."""
        return float((self.answers == self.labels).mean())


@dataclass(frozen=True)
class Run:
    """The output of one file on the test rows with one backend."""

    artifact: Artifact
    """The file."""
    backend: str
    """The backend's name and version."""
    raw: NDArray[Any]
    """(N, classes) as the file stores it."""
    scores: NDArray[np.float32]
    """(N, classes)."""

    @property
    def answers(self) -> NDArray[np.int64]:
        """(N,) answers."""
        answers: NDArray[np.int64] = self.raw.argmax(axis=1)
        return answers


def run_artifact(bundle: Bundle, artifact: Artifact, images: NDArray[Any]) -> list[Run]:
    """Runs a file with every backend that is installed and takes it.

    Raises:
        BackendError: No backend runs it, or none is installed.
    """
    runs = []
    missing: BackendError | None = None
    decode = decoder(artifact, bundle.manifest.output, bundle.manifest.temperature)
    for name in BACKENDS:
        if backend_format(name) != artifact.format:
            continue
        try:
            classifier = open_artifact(bundle, artifact, name)
        except BackendError as cause:
            # One engine that judges the file is enough; another may be missing, broken or too old for it.
            missing = missing or cause
            continue
        raw = classifier.predict_raw(images)
        runs.append(Run(artifact, classifier.backend, raw, decode(raw)))
    if not runs and missing is not None:
        raise missing
    return runs


def measure(run: Run, test: TestSet, labels: tuple[str, ...]) -> Measurement:
    """Compares a run with the Keras model and the true classes."""
    before, after = test.answers == test.labels, run.answers == test.labels
    worse, better = int((before & ~after).sum()), int((after & ~before).sum())
    drops = recall_drops(test.labels, test.answers, run.answers, len(labels))
    # A class without test rows, such as one for none of the others, has no recall that could drop.
    worst = int(np.where(np.isin(np.arange(len(labels)), test.labels), drops, -np.inf).argmax())
    return Measurement(
        backend=run.backend,
        images=len(after),
        accuracy=float(after.mean()),
        agreement=float((run.answers == test.answers).mean()),
        largest_difference=float(np.abs(run.scores - test.scores).max()),
        interval=wilson_interval(int(after.sum()), len(after)),
        flips_for_the_worse=worse,
        flips_for_the_better=better,
        p_value=mcnemar_p(worse, better),
        worst_class=labels[worst],
        worst_class_drop=float(drops[worst]),
        log_loss=log_loss(test.labels, run.scores),
        calibration_error=calibration_error(test.labels, run.scores),
    )


def misses(precision: str, item: Measurement, keras_accuracy: float, gate: Gate, careful: bool = False) -> list[str]:
    """The bounds that a measurement misses, in words; empty if it keeps all. See `bounds_missed`."""
    return list(bounds_missed(precision, item, keras_accuracy, gate, careful).values())


def bounds_missed(
    precision: str, item: Measurement, keras_accuracy: float, gate: Gate, careful: bool = False
) -> dict[str, str]:
    """The bounds that a measurement misses: "accuracy", "class", "agreement" or "difference" to the reason in words.

    Args:
        precision: Key of `BOUNDS`.
        item: What was measured.
        keras_accuracy: Of the same rows.
        gate: The user's bounds.
        careful: Whether the loss of accuracy counts with one standard error added, as for a choice among several,
            where the first that passes is likely to have had luck (the one-standard-error rule of Breiman et al.,
            "Classification and regression trees", 1984).
    """
    bounds = BOUNDS[precision]
    agreement = gate.agreement(precision)
    missed = {}
    margin = _standard_error(item) if careful else 0.0
    if keras_accuracy - item.accuracy + margin > gate.max_drop + _ROUNDING:
        counted = f", a standard error of {margin * 100:.2f} points counted" if careful else ""
        missed["accuracy"] = (
            f"accuracy {item.accuracy:.2%} against Keras's {keras_accuracy:.2%}, at most {gate.max_drop * 100:g} "
            f"points less is allowed{counted} ({noise(item)})"
        )
    if item.worst_class_drop is not None and item.worst_class_drop > gate.max_class_drop + _ROUNDING:
        missed["class"] = (
            f"recall of '{item.worst_class}' falls by {item.worst_class_drop * 100:.2f} points, at most "
            f"{gate.max_class_drop * 100:g} are allowed"
        )
    if item.agreement < agreement - _ROUNDING:
        missed["agreement"] = f"agrees with Keras on {item.agreement:.2%}, at least {agreement:.2%} is asked for"
    if item.largest_difference > bounds.difference:
        missed["difference"] = (
            f"a score differs by {item.largest_difference:.1e}, at most {bounds.difference:.0e} is allowed"
        )
    return missed


def accepting(precision: str, measured: Sequence[Measurement], keras_accuracy: float, gate: Gate) -> list[str]:
    """The options of numbre-export that set the bounds which a file misses to what it was measured at.

    Args:
        precision: Key of `BOUNDS`.
        measured: The file with each backend.
        keras_accuracy: Of the same rows.
        gate: The bounds that it misses.
    """
    missed = {key for item in measured for key in bounds_missed(precision, item, keras_accuracy, gate)}
    options = {
        "accuracy": ("--max-drop", _rounded_up(keras_accuracy - min(item.accuracy for item in measured))),
        "class": ("--max-class-drop", _rounded_up(max(item.worst_class_drop or 0.0 for item in measured))),
        "agreement": ("--min-agreement", f"{1 - float(_rounded_up(1 - min(item.agreement for item in measured))):g}"),
    }
    return [word for key, words in options.items() if key in missed for word in words]


def _rounded_up(loss: float) -> str:
    return f"{math.ceil((loss - _ROUNDING) * 10_000) / 10_000:g}"


def _standard_error(item: Measurement) -> float:
    """Of the change of accuracy, by the flips that make it up."""
    return math.sqrt((item.flips_for_the_worse or 0) + (item.flips_for_the_better or 0)) / item.images


def noise(item: Measurement) -> str:
    """The paired test's result for the change of accuracy, in words."""
    if item.p_value is None:
        return "not tested"
    flips = f"{item.flips_for_the_worse} flips for the worse, {item.flips_for_the_better} for the better"
    verdict = "more than noise" if item.p_value < SIGNIFICANT else "within noise"
    return f"{flips}: {verdict}, p = {item.p_value:.2g}"
