"""When a board's outputs count as the same as those of x86-64."""

from __future__ import annotations

import numpy as np
import pytest

from emulated.outcome import FLOAT_TOLERANCE, compare

_INT8 = np.array([[10, -20, 5], [-128, 127, 0]], np.int8)
_FLOAT = np.array([[0.7, 0.1, 0.2], [0.1, 0.8, 0.1]], np.float32)


def test_same_bits() -> None:
    assert compare(_INT8.copy(), _INT8, "int8").status == "identical"


def test_a_step_without_another_label() -> None:
    found = _INT8.copy()
    found[0, 2] += 1
    outcome = compare(found, _INT8, "int8")
    assert (outcome.status, outcome.other_labels) == ("agrees", 0)
    assert outcome.reason == "same labels; 1 of 6 scores differ, by at most 1 of 256 steps"


def test_another_label() -> None:
    found = _INT8.copy()
    found[0] = found[0, ::-1]
    found[0, 0] = -100
    found[0, 1] = 100
    outcome = compare(found, _INT8, "int8")
    assert (outcome.status, outcome.other_labels) == ("differs", 1)
    assert outcome.reason == "1 of 2 images get another label than on x86"


@pytest.mark.parametrize("tied_here", [True, False])
def test_tie_of_two_labels_is_told_and_does_not_differ(tied_here: bool) -> None:
    tied, sure = np.array([[50, 50, 0]], np.int8), np.array([[49, 50, 0]], np.int8)
    outcome = compare(*((sure, tied) if tied_here else (tied, sure)), "int8")
    assert (outcome.status, outcome.other_labels) == ("agrees", 0)
    assert outcome.reason.startswith("same labels, 1 of 1 a tie of two; 1 of 3 scores differ")


def test_one_step_more_on_either_side_is_no_tie() -> None:
    assert compare(np.array([[50, 49]], np.int8), np.array([[49, 50]], np.int8), "int8").status == "differs"


def test_float_scores() -> None:
    assert compare(_FLOAT + np.float32(FLOAT_TOLERANCE / 2), _FLOAT, "float32").reason == ""
    wide = compare(_FLOAT + np.float32(0.004), _FLOAT, "float32")
    assert (wide.status, wide.reason) == ("differs", "same labels; scores differ by up to 4e-03")
    assert compare(_FLOAT + np.float32(0.004), _FLOAT, "int8").status == "agrees", "a step of an int8 file"
    assert compare(np.full_like(_FLOAT, np.nan), _FLOAT, "float32").status == "differs"
