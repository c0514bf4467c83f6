"""The gate on real answers: what it measures, what it lets pass and what it stops."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from exported import numbre_model, shipped_weights

from numbre_export.convert.to_tflite import to_tflite
from numbre_export.convert.variant import Variant
from numbre_export.verify.frame import Frame
from numbre_export.verify.gate import Gate, Run, TestSet, accepting, measure, misses, noise, run_artifact
from numbre_export.verify.matrix import agreement_matrix
from numbre_export.verify.outcome import MadeFile, Outcome
from numbre_export.verify.verdict import CANNOT_TELL, FAIL, PASS, FileAnswers, Judged, judge, power
from numbre_runtime.bundle import Bundle
from numbre_runtime.manifest import Measurement
from numbre_train.data import Mnist

_LABELS = tuple("0123456789")


@pytest.fixture(scope="module")
def test_set(shipped: Bundle, mnist: Mnist) -> TestSet:
    """MNIST's test images with the answers of the network whose float32 file is shipped."""
    run = next(iter(run_artifact(shipped, shipped.artifact("model.float32.onnx"), mnist.test_images)))
    return TestSet(mnist.test_images, mnist.test_labels, run.scores)


@pytest.fixture(scope="module")
def int8_run(shipped: Bundle, mnist: Mnist) -> Run:
    return run_artifact(shipped, shipped.artifact("model.int8.tflite"), mnist.test_images)[0]


def test_figures_of_the_shipped_int8_file(int8_run: Run, test_set: TestSet) -> None:
    item = measure(int8_run, test_set, _LABELS)
    right = int8_run.answers == test_set.labels
    assert item.accuracy == right.mean()
    assert item.interval[0] < item.accuracy < item.interval[1]
    assert item.flips_for_the_better is not None and item.flips_for_the_worse is not None
    change = (item.flips_for_the_better - item.flips_for_the_worse) / len(right)
    assert item.accuracy - test_set.accuracy == pytest.approx(change)
    assert misses("int8", item, test_set.accuracy, Gate()) == []


def _broken_for(run: Run, digit: int, count: int) -> Run:
    """The run, with wrong answers for `count` images of one digit."""
    raw = run.raw.copy()
    rows = np.flatnonzero(run.answers == digit)[:count]
    raw[rows] = np.roll(raw[rows], 1, axis=1)
    return dataclasses.replace(run, raw=raw)


def test_a_model_broken_only_for_the_nines_fails_although_its_accuracy_passes(int8_run: Run, test_set: TestSet) -> None:
    item = measure(_broken_for(int8_run, 9, 9), test_set, _LABELS)
    assert test_set.accuracy - item.accuracy <= 0.001, "the overall accuracy alone would pass"
    assert item.worst_class == "9"
    missed = misses("int8", item, test_set.accuracy, Gate())
    assert len(missed) == 1
    assert "recall of '9'" in missed[0]
    assert misses("int8", item, test_set.accuracy, Gate(max_class_drop=0.02)) == []


def test_what_the_paired_test_says(int8_run: Run, test_set: TestSet) -> None:
    assert "within noise" in noise(measure(int8_run, test_set, _LABELS))
    assert "more than noise" in noise(measure(_broken_for(int8_run, 9, 40), test_set, _LABELS))


def _judged(run: Run, test: TestSet, gate: Gate | None = None) -> Judged:
    return judge([FileAnswers("int8", run, measure(run, test, _LABELS))], test, _LABELS, gate or Gate())[0]


def test_the_finding_names_file_backend_figures_and_bounds(shipped: Bundle, int8_run: Run, test_set: TestSet) -> None:
    run = _broken_for(int8_run, 3, 100)
    variant = Variant("int8", "tflite")
    artifact = shipped.artifact("model.int8.tflite")._replace(measured=(measure(run, test_set, _LABELS),))
    made = MadeFile(variant, b"", 0, artifact, (run,))
    outcome = Outcome(variant, made, (_judged(run, test_set),))
    assert outcome.verdict == FAIL and not outcome.ships
    [line] = outcome.findings()
    assert re.match(r"model\.int8\.tflite with litert .* misses its bounds: accuracy .*recall of '3'.*agrees", line)


def _first(run: Run, test: TestSet, count: int) -> tuple[Run, TestSet]:
    """The first rows alone."""
    part = TestSet(test.images[:count], test.labels[:count], test.scores[:count])
    return dataclasses.replace(run, raw=run.raw[:count], scores=run.scores[:count]), part


@pytest.mark.parametrize(
    ("rows", "flips", "verdict", "words"),
    [
        (60, 0, PASS, ""),
        (60, 1, CANNOT_TELL, "1 flip in 60 rows; 3,000 would be needed to show a loss of 0.1 points"),
        (60, 20, FAIL, "at most 0.1 points less is allowed"),
        (4000, 3, PASS, ""),
        (4000, 5, FAIL, "at most 0.1 points less is allowed"),
    ],
)
def test_too_few_rows_cannot_tell(
    rows: int, flips: int, verdict: str, words: str, int8_run: Run, test_set: TestSet
) -> None:
    """The classes' own bound is out of the way here; the run itself has no flip among the first 60 rows."""
    run, test = _first(int8_run, test_set, rows)
    raw = np.zeros((rows, 10), np.int8)
    raw[np.arange(rows), test.answers] = 1
    right = np.flatnonzero(test.answers == test.labels)[:flips]
    raw[right] = np.roll(raw[right], 1, axis=1)
    found = _judged(dataclasses.replace(run, raw=raw), test, Gate(max_class_drop=1, min_agreement=0))
    assert found.verdict == verdict
    assert words in "; ".join(found.reasons)


def test_a_class_of_few_rows_cannot_tell_and_a_broken_one_fails(int8_run: Run, test_set: TestSet) -> None:
    run, test = _first(int8_run, test_set, 200)
    nines = int((test.labels == 9).sum())
    one = _judged(_broken_for(run, 9, 1), test, Gate(max_drop=1, min_agreement=0))
    assert one.verdict == CANNOT_TELL
    assert f"1 flip in {nines} rows of '9'; 600 would be needed" in one.reasons[0]
    assert _judged(_broken_for(run, 9, nines), test, Gate(max_drop=1, min_agreement=0)).verdict == FAIL


def test_several_files_are_corrected_for_and_equal_answers_count_once(int8_run: Run, test_set: TestSet) -> None:
    """Six flips of 60 are more than noise for one file (p = 0.031), and not for four different ones."""
    run, test = _first(int8_run, test_set, 60)
    gate = Gate(max_class_drop=1, min_agreement=0)
    right = np.flatnonzero(test.answers == test.labels)

    def broken(start: int) -> FileAnswers:
        raw = np.zeros((60, 10), np.int8)
        raw[np.arange(60), test.answers] = 1
        rows = right[start : start + 6]
        raw[rows] = np.roll(raw[rows], 1, axis=1)
        changed = dataclasses.replace(run, raw=raw)
        return FileAnswers("int8", changed, measure(changed, test, _LABELS))

    same = judge([broken(0)] * 4, test, _LABELS, gate)
    assert {item.verdict for item in same} == {FAIL}
    several = judge([broken(start) for start in range(4)], test, _LABELS, gate)
    assert {item.verdict for item in several} == {CANNOT_TELL}


def test_the_power_of_the_test_rows_is_said(test_set: TestSet) -> None:
    assert power(test_set) == "10,000 test rows show a loss of 0.079 points or more with a probability of 80%"


def test_agreement_matrix_counts_in_integer_steps(int8_run: Run, test_set: TestSet) -> None:
    raw = int8_run.raw.copy()
    raw[0] = np.roll(raw[0], 1)
    raw[1, 0] += 3
    other = dataclasses.replace(int8_run, raw=raw, backend="other")
    matrix = agreement_matrix([int8_run, other], test_set)
    assert matrix.names[0] == "Keras"
    assert matrix.pairs[1, 2].disagreements == 1
    assert matrix.pairs[1, 2].steps == int(np.abs(raw.astype(int) - int8_run.raw).max())
    assert matrix.pairs[0, 1].steps is None
    assert matrix.pairs[0, 1].disagreements == int((int8_run.answers != test_set.answers).sum())


@pytest.mark.parametrize(("gate", "passes"), [(Gate(max_drop=0.0), False), (Gate(max_drop=0.5), True)])
def test_bounds_are_the_users(gate: Gate, passes: bool) -> None:
    item = Measurement("litert", 1000, 0.97, 0.999, 0.1, (0.96, 0.98), 12, 2, 0.01, "1", 0.0, 0.1, 0.1)
    assert (misses("int8", item, 0.98, gate) == []) is passes


def test_the_bounds_that_would_do_are_named_and_do() -> None:
    item = Measurement("litert", 1000, 0.9712, 0.99543, 0.1, (0.96, 0.98), 12, 2, 0.01, "1", 0.02, 0.1, 0.1)
    kept = Gate(min_agreement=0.9)
    assert accepting("int8", [item], 0.98, kept) == ["--max-drop", "0.0088", "--max-class-drop", "0.02"]
    words = accepting("int8", [item], 0.98, Gate(min_agreement=0.999, max_drop=0.5))
    assert words == ["--max-class-drop", "0.02", "--min-agreement", "0.9954"]
    assert misses("int8", item, 0.98, Gate(0.0088, 0.02, 0.9954)) == []
    assert accepting("int8", [item], 0.98, Gate(0.0088, 0.02, 0.9954)) == []


def test_a_choice_among_several_counts_a_standard_error() -> None:
    """30 flips that even out are no loss, but of 10,000 rows a standard error of 0.055 points."""
    item = Measurement("litert", 10_000, 0.98, 0.997, 0.1, (0.97, 0.99), 15, 15, 1.0, "1", 0.0, 0.1, 0.1)
    assert misses("int8", item, 0.98, Gate(0.0005)) == []
    assert "a standard error of 0.05 points counted" in misses("int8", item, 0.98, Gate(0.0005), careful=True)[0]
    assert misses("int8", item, 0.98, Gate(0.0006), careful=True) == []


def test_float16_weights_pass_and_int4_weights_are_what_they_say(
    shipped: Bundle, test_set: TestSet, tmp_path: Path
) -> None:
    """Files of the rarer precisions run through the same gate."""
    from numbre_runtime.manifest import InputSpec

    model = numbre_model(shipped_weights(shipped))
    frame = Frame("numbre", InputSpec((28, 28), "uint8", 0, 255, "unit"), _LABELS, "softmax", test_set, Gate())
    nothing = np.zeros((0, 784), np.float32)
    for precision, largest in (("float16", 220_000), ("weight4", 70_000)):
        variant = Variant(precision, "tflite")
        content = to_tflite(model, variant, nothing)
        assert len(content) < largest
        item, missed = frame.judge(tmp_path, variant, content)
        assert item.agreement > 0.98
        assert missed == [] or precision == "weight4"
