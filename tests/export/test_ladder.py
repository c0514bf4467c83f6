"""The ladder saves a network that plain int8 really breaks, and stops at the first rung that passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from exported import badly_scaled, numbre_model, shipped_weights

from numbre_export.convert.converter import Converter
from numbre_export.convert.variant import Variant
from numbre_export.data.datasets import MORE_ROWS, DataOptions, ExportData, load_data
from numbre_export.verify.explain import LayerNoise, decibels, explain_layers
from numbre_export.verify.frame import Frame
from numbre_export.verify.gate import Gate, TestSet, misses
from numbre_export.verify.ladder import Climb, _steps, climb
from numbre_runtime.bundle import Bundle

_WANTED = DataOptions(None, None, None, None, None, 500, False)


class _Bad:
    """The badly scaled network, opened."""

    def __init__(self, converter: Converter, path: Path, directory: Path) -> None:
        self.converter = converter
        self.directory = directory
        self.source = converter.open(path)
        self.data: ExportData = load_data(_WANTED, self.source)
        test, chosen_on = (
            TestSet(rows.inputs, rows.labels, converter.scores(self.data.network_values(rows.inputs)))
            for rows in (self.data.test, self.data.validation)
        )
        self.frame = Frame(self.source.name, self.data.spec, self.data.labels, "softmax", test, Gate())
        self.chosen_on = dataclasses.replace(self.frame, test=chosen_on)

    def climb(self, format_name: str) -> Climb:
        calibration = self.data.calibration(500)
        uploaded = self.converter.upload(calibration)
        float32, int8 = (
            self.converter.convert(Variant(precision, "tflite"), uploaded) for precision in ("float32", "int8")
        )
        rows = self.data.network_values(self.data.validation.inputs[:500])
        return climb(
            Variant("int8", format_name),
            500,
            self.data.validation_source,
            self.convert,
            lambda variant, content: self.chosen_on.judge(self.directory, variant, content),
            lambda: explain_layers(float32, int8, calibration, rows, self.source.layers),
        )

    def convert(self, variant: Variant, count: int) -> tuple[bytes, int]:
        rows = self.converter.upload(self.data.calibration(count))
        return self.converter.convert(variant, rows), rows.count


@pytest.fixture(scope="module")
def bad(shipped: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Bad]:
    directory = tmp_path_factory.mktemp("bad")
    path = directory / "bad.keras"
    numbre_model(badly_scaled(shipped_weights(shipped)), "bad").save(path)
    with Converter(directory) as converter:
        yield _Bad(converter, path, directory)


def test_bad_scaling_leaves_keras_as_good_as_before(bad: _Bad) -> None:
    assert bad.frame.test.accuracy > 0.985


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_the_ladder_saves_what_int8_breaks(
    bad: _Bad, format_name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "numbre_export")
    result = bad.climb(format_name)
    first, last = result.rungs[0], result.rungs[-1]
    assert first.measured is not None and last.measured is not None
    assert first.measured.accuracy < bad.frame.test.accuracy - 0.01, "plain int8 really breaks it"
    assert not first.passed
    assert last.passed
    assert last.measured.agreement >= 0.997
    assert [rung.passed for rung in result.rungs[:-1]] == [False] * (len(result.rungs) - 1)
    assert result.variant is not None and result.content
    assert result.chosen_on == "5,000 validation rows"
    assert f"the ladder for model.int8.{format_name}, chosen on 5,000 validation rows:" in caplog.messages
    note = first.note()
    assert note["missed"] and note["accuracy"] == first.measured.accuracy
    last_word, _ = bad.frame.judge(tmp_path, result.variant, result.content)
    assert misses("int8", last_word, bad.frame.test.accuracy, bad.frame.gate) == [], "the test rows agree"


def test_explanation_is_sorted_and_names_keras_layers(bad: _Bad) -> None:
    calibration = bad.data.calibration(500)
    uploaded = bad.converter.upload(calibration)
    files = [bad.converter.convert(Variant(precision, "tflite"), uploaded) for precision in ("float32", "int8")]
    rows = bad.data.network_values(bad.data.validation.inputs[:500])
    found = explain_layers(files[0], files[1], calibration, rows, bad.source.layers)
    assert {item.layer for item in found} == {"hidden_1", "hidden_2", "hidden_3", "digits"}
    assert [item.changed for item in found] == sorted((item.changed for item in found), reverse=True)
    alone = [item.alone for item in found]
    assert max(alone) - min(alone) > 10


def test_decibels_of_known_noise() -> None:
    signal = np.array([1.0, -1.0, 1.0, -1.0])
    assert decibels(signal, signal) == 200
    assert decibels(signal, signal + 0.1) == pytest.approx(20)
    assert decibels(signal, -signal) == pytest.approx(-6.0206, abs=1e-4)


@pytest.mark.parametrize(("layers", "kept"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (9, 3)])
@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_at_most_three_layers_are_kept_and_never_all(format_name: str, layers: int, kept: int) -> None:
    worst = [LayerNoise(f"layer {index}", f"tensor {index}", "X", 1.0, 1.0, 0, 0.0) for index in range(layers)]
    mixed = [
        step[1] for step in _steps(Variant("int8", format_name), 500, lambda: worst) if step[0].startswith("mixed")
    ]
    what = "tensor" if format_name == "tflite" else "layer"
    kinds = 2 if format_name == "tflite" else 1
    expected = [
        tuple(f"{what} {index}" for index in range(count)) for count in range(1, kept + 1) for _ in range(kinds)
    ]
    assert [variant.kept for variant in mixed] == expected
    assert {variant.granularity for variant in mixed} <= {"channel"}


@pytest.mark.parametrize(("rows", "tried"), [(MORE_ROWS - 1, True), (MORE_ROWS, False), (MORE_ROWS + 1, False)])
def test_more_rows_are_tried_only_where_there_were_fewer(rows: int, tried: bool) -> None:
    steps = list(_steps(Variant("int8", "tflite"), rows, list))
    assert any(f"{MORE_ROWS} rows" in what for what, _, _ in steps) == tried
    assert {count for what, _, count in steps if "rows" not in what} == {rows}
