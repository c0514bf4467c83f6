"""numbre-train as a user runs it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run
from numbre_train.cli import main

PICTURES = {
    "first_images.png": (960, 400),
    "curves.png": (1000, 400),
    "confusion.png": (600, 600),
    "first_layer.png": (900, 900),
    "predictions.png": (1000, 400),
}
"""File name to its least width and height in pixels."""


@pytest.fixture(scope="module")
def out(run_command: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one short training wrote."""
    path = tmp_path_factory.mktemp("train") / "numbre"
    done = run_command("numbre-train", "--epochs", "1", "--h5", "--seed", "3", "--out", path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "epoch   1/1  loss" in done.stdout
    return path


def test_everything_promised_is_written(out: Path) -> None:
    expected = {*PICTURES, "model.keras", "trainedMNISTModel.h5", "history.csv", "metrics.json", "labels.txt"}
    assert {path.name for path in out.iterdir()} == expected


def test_metrics_say_what_was_measured(out: Path) -> None:
    metrics = json.loads((out / "metrics.json").read_text())
    matrix = np.array(metrics["confusion"])
    assert matrix.sum() == 10_000
    assert metrics["accuracy"] == pytest.approx(np.trace(matrix) / 10_000)
    assert metrics["accuracy"] > 0.9
    assert 0 < metrics["log_loss"] < 0.5
    assert list(metrics["recall"]) == list("0123456789")
    assert metrics["seed"] == 3
    assert metrics["recipe"]["name"] == "quick"
    assert {"tensorflow", "keras", "numpy", "python"} <= set(metrics["versions"])
    assert len(metrics["data"]["sha256"]) == 64


def test_history_has_a_row_an_epoch(out: Path) -> None:
    rows = list(csv.DictReader((out / "history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1"]
    assert float(rows[0]["validation_accuracy"]) > 0.9


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_can_be_opened_and_are_not_empty(name: str, out: Path) -> None:
    with Image.open(out / name) as picture:
        assert picture.width >= PICTURES[name][0]
        assert picture.height >= PICTURES[name][1]
        assert np.asarray(picture.convert("L")).std() > 10


def test_both_model_files_give_the_same_scores(out: Path) -> None:
    code = (
        "import sys, numpy as np, keras\n"
        "x = np.random.default_rng(0).random((5, 784), np.float32)\n"
        "one, two = (keras.saving.load_model(path, compile=False)(x).numpy() for path in sys.argv[1:])\n"
        "assert (one == two).all() and one.shape == (5, 10)\n"
    )
    files = [str(out / name) for name in ("model.keras", "trainedMNISTModel.h5")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--recipe", "magic"), "invalid choice: 'magic'"),
        (("--epochs", "0"), "--epochs 0: expected 1 to 1,000,000"),
        (("--seed", "-1"), "--seed -1: expected 0 to"),
        (("--data", "nowhere"), "nowhere: no such file or directory"),
        (("--out", "/proc/numbre"), "/proc/numbre: cannot be written"),
    ],
)
def test_bad_words_fail_in_one_line(words: tuple[str, ...], reason: str, run_command: Run, tmp_path: Path) -> None:
    done = run_command("numbre-train", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [[], ["compare"], ["search"]])
def test_refused_data_leave_no_directory_behind(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("1,2,3\n")
    assert main([*command, "--data", str(tmp_path / "bad.csv"), "--out", str(tmp_path / "out")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_nothing_to_resume_is_said(run_command: Run, tmp_path: Path) -> None:
    done = run_command("numbre-train", "--resume", "--out", tmp_path)
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_no_model(tmp_path: Path, run_command: Run) -> None:
    command = [str(Path(sys.executable).parent / "numbre-train"), "--epochs", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 300
    while not (tmp_path / "checkpoint.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert errors == "numbre-train: interrupted\n"
    assert "--resume" in output
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    resumed = run_command("numbre-train", "--epochs", "2", "--out", tmp_path, "--resume")
    assert resumed.returncode == 0
    assert "epoch   1/2" not in resumed.stdout
    assert (tmp_path / "model.keras").exists()
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.slow
def test_the_default_recipe_keeps_its_promise(run_command: Run, tmp_path: Path) -> None:
    done = run_command("numbre-train", "--out", tmp_path)
    assert done.returncode == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["accuracy"] >= 0.982
