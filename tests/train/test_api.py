"""The Python API: four lines from data to files, quiet unless logging is switched on, and a light import."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import numbre_train
from numbre_train.cli import main


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.csv"
    assert main(["sample", "--rows", "600", "-o", str(path)]) == 0
    return path


def test_a_notebook_trains_and_writes_in_four_lines(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = numbre_train.load_dataset(str(digits))
    with caplog.at_level(logging.INFO, "numbre_train"):
        training = numbre_train.train("linear", data, seed=4, epochs=6)
    figures = numbre_train.write_training(training, tmp_path / "linear")
    assert (tmp_path / "linear" / "model.keras").is_file()
    assert figures["accuracy"] == training.accuracy > 0.5
    assert [epoch.epoch for epoch in training.epochs] == [1, 2, 3, 4, 5, 6]
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "recipe linear, seed 4: 480 images, 6 epochs"
    assert [line[:11] for line in lines[1:]] == [f"epoch   {number}/6" for number in range(1, 7)]
    assert capsys.readouterr() == ("", "")


def test_an_unknown_recipe_is_an_error(digits: Path) -> None:
    with pytest.raises(ValueError, match="'magic' is no recipe; expected one of quick, best"):
        numbre_train.train("magic", numbre_train.load_dataset([digits]))


def test_the_import_is_light_and_names_everything_public() -> None:
    code = "import sys, numbre_train; print(*(set(sys.modules) & {'tensorflow', 'keras', 'numpy', 'matplotlib'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    for name in numbre_train.__all__:
        assert getattr(numbre_train, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = numbre_train.nothing
