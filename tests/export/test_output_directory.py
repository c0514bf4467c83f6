"""Where a bundle goes that nobody named a place for."""

from __future__ import annotations

from pathlib import Path

import pytest

from numbre_export.options import output_directory, parser


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--int8", "build/numbre-int8"),
        ("--all --model build/numbre/model.keras", "build/numbre-int8"),
        ("--int8 --model mine.keras", "build/mine-int8"),
        ("--int8 --float16 --model other/v1.2.h5", "build/v1.2-int8"),
        ("--float16 --model mine.keras", "build/mine-float16"),
        ("--auto --model runs/first/model.keras", "build/first-int8"),
        ("--c --model runs/first/model.tflite", "build/first-c"),
        ("--int8 --model mine.keras --out here", "here"),
    ],
)
def test_the_default_is_named_after_the_model(words: str, expected: str) -> None:
    assert output_directory(parser().parse_args(words.split())) == Path(expected)


def test_a_bundle_keeps_its_whole_name(tmp_path: Path) -> None:
    bundle = tmp_path / "digits.v2"
    bundle.mkdir()
    assert output_directory(parser().parse_args(["--c", "--model", str(bundle)])) == Path("build/digits.v2-c")
