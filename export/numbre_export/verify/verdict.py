"""The gate's verdict on each file: it passes, it fails, or the test rows are too few to tell.

A file fails if it misses a bound and the rows show it: either they are enough to show a loss of the bound's size
(`rows_needed`), or the flips are more than noise by McNemar's exact test, corrected by Holm's method for the files,
backends and classes that are judged together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_export.verify.gate import Gate, Run, TestSet, bounds_missed
from numbre_export.verify.statistics import SIGNIFICANT, holm, rows_needed, smallest_loss_shown
from numbre_runtime.manifest import Measurement
from numbre_runtime.measures import mcnemar_p

PASS, CANNOT_TELL, FAIL = "pass", "cannot tell", "fail"
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Judged:
    """One file with one backend, and the gate's verdict."""

    verdict: str
    """`PASS`, `CANNOT_TELL` or `FAIL`."""
    reasons: tuple[str, ...]
    """The bounds that it misses, or what cannot be told, in words."""


@dataclass(frozen=True)
class FileAnswers:
    """One file's answers with one backend, to be judged."""

    precision: str
    """See `numbre_runtime.manifest.Artifact.precision`."""
    run: Run
    """Its answers."""
    measured: Measurement
    """Its figures."""


def judge(cases: Sequence[FileAnswers], test: TestSet, labels: tuple[str, ...], gate: Gate) -> list[Judged]:
    """Judges all files of an export together.

    Args:
        cases: Each file with each backend.
        test: The rows that decide.
        labels: The classes.
        gate: The bounds.

    Returns:
        The verdicts, in the order of the cases.
    """
    # Backends with the same answers are one test, not several.
    distinct = {case.run.answers.tobytes(): case for case in cases}
    flips = {key: _flips(case.run, test, len(labels)) for key, case in distinct.items()}
    whole = holm([mcnemar_p(int(worse.sum()), int(better.sum())) for worse, better in flips.values()])
    by_class = holm(
        [mcnemar_p(*(int(item) for item in pair)) for found in flips.values() for pair in zip(*found, strict=True)]
    )
    classes = len(labels)
    noise = {
        key: (whole[number], by_class[number * classes : (number + 1) * classes]) for number, key in enumerate(flips)
    }
    return [
        _verdict(case, test, labels, gate, flips[case.run.answers.tobytes()], *noise[case.run.answers.tobytes()])
        for case in cases
    ]


def power(test: TestSet) -> str:
    """What the rows could show, in a sentence."""
    loss = smallest_loss_shown(len(test.labels))
    return f"{len(test.labels):,} test rows show a loss of {loss * 100:.2g} points or more with a probability of 80%"


def _flips(run: Run, test: TestSet, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each class, the rows that became wrong, and those that became right."""
    before, after = test.answers == test.labels, run.answers == test.labels
    worse, better = (np.bincount(test.labels[rows], minlength=classes) for rows in (before & ~after, after & ~before))
    return worse, better


def _verdict(
    case: FileAnswers,
    test: TestSet,
    labels: tuple[str, ...],
    gate: Gate,
    flips: tuple[NDArray[np.int64], NDArray[np.int64]],
    p_whole: float,
    p_classes: Sequence[float],
) -> Judged:
    rows = len(test.labels)
    missed = bounds_missed(case.precision, case.measured, test.accuracy, gate)
    certain: list[str] = []
    unsure: list[str] = []
    if "accuracy" in missed:
        if rows >= rows_needed(gate.max_drop) or p_whole < SIGNIFICANT:
            certain.append(missed["accuracy"])
        else:
            unsure.append(_too_few(int(flips[0].sum()), int(flips[1].sum()), rows, gate.max_drop, "rows"))
    counts = np.bincount(test.labels, minlength=len(labels))
    drops = (flips[0] - flips[1]) / np.maximum(counts, 1)
    for number in np.argsort(-drops, kind="stable"):
        if drops[number] <= gate.max_class_drop + _ROUNDING:
            break
        if counts[number] >= rows_needed(gate.max_class_drop) or p_classes[number] < SIGNIFICANT:
            certain.append(
                f"recall of '{labels[number]}' falls by {drops[number] * 100:.2f} points, at most "
                f"{gate.max_class_drop * 100:g} are allowed"
            )
            break
        worse, better = int(flips[0][number]), int(flips[1][number])
        what = f"rows of '{labels[number]}'"
        if len(unsure) < 2:
            unsure.append(_too_few(worse, better, int(counts[number]), gate.max_class_drop, what))
    certain += [missed[key] for key in ("agreement", "difference") if key in missed]
    if certain:
        return Judged(FAIL, tuple(certain))
    return Judged(CANNOT_TELL if unsure else PASS, tuple(unsure))


def _too_few(worse: int, better: int, rows: int, bound: float, what: str) -> str:
    counted = f"{worse} flip{'s' if worse != 1 else ''}"
    if better:
        counted += f" for the worse and {better} for the better"
    needed = rows_needed(bound)
    digit = 10 ** max(len(str(needed)) - 2, 0)
    return (
        f"{counted} in {rows:,} {what}; {math.ceil(needed / digit) * digit:,} would be needed to show a loss of "
        f"{bound * 100:g} points"
    )
