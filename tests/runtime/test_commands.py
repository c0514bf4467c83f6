"""numbre-predict as a user runs it, and what all commands do alike."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import NUMBRE_BUNDLE, ROOT, Run
from numbre_runtime.errors import BundleError
from numbre_runtime.npz import read_npz, write_npz
from numbre_train.data import Mnist

SAMPLES = sorted((ROOT / "samples").glob("*.png"))


def test_predict_reads_every_sample(run_command: Run) -> None:
    done = run_command("numbre-predict", *SAMPLES)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [line.split(": ")[1][0] for line in done.stdout.splitlines()]
    assert answers == [path.stem[-1] for path in SAMPLES]


@pytest.mark.parametrize("gap", [0, 3, 10])
def test_a_picture_of_several_signs_names_numbre_read(gap: int, mnist: Mnist, run_command: Run, tmp_path: Path) -> None:
    four, two = (mnist.test_images[mnist.test_labels == digit][0][:, 4:24] for digit in (4, 2))
    ink = np.pad(np.hstack([four, np.zeros((28, gap), np.uint8), two]), 10)
    Image.fromarray(255 - ink).resize((ink.shape[1] * 5, ink.shape[0] * 5)).save(tmp_path / "42.png")
    done = run_command("numbre-predict", "42.png", cwd=tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stderr == "numbre-predict: 42.png: seems to show several signs; numbre-read reads all of them\n"
    assert run_command("numbre-predict", "--quiet", "42.png", cwd=tmp_path).stderr == ""


def test_predict_prints_json_lines(run_command: Run) -> None:
    done = run_command("numbre-predict", "--json", "--backend", "onnxruntime", *SAMPLES[:2])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in lines] == [path.stem[-1] for path in SAMPLES[:2]]
    assert lines[0]["backend"].startswith("onnxruntime")
    assert set(lines[0]["scores"]) == {*"0123456789", "none"}


def test_predict_shows_the_best_answers(run_command: Run) -> None:
    done = run_command("numbre-predict", "--top", "3", SAMPLES[0])
    assert done.stdout.count("%)") == 3


def test_a_bad_picture_does_not_keep_the_others_from_being_read(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    done = run_command("numbre-predict", SAMPLES[0], tmp_path / "empty.png", SAMPLES[1])
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == f"numbre-predict: {tmp_path / 'empty.png'}: the file is empty\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "the following arguments are required: IMAGE"),
        (("none.png",), "none.png: no such file"),
        (("none.png", "--bundle", "nowhere"), "nowhere: no such directory"),
        (("none.png", "--backend", "tpu"), "invalid choice: 'tpu'"),
        (("none.png", "--backend", "tflite_runtime"), "pip install 'numbre-runtime[tflite]'"),
        (("none.png", "--top", "0"), "--top 0: expected 1 or more"),
    ],
)
def test_predict_fails_in_one_line(words: tuple[str, ...], reason: str, run_command: Run) -> None:
    done = run_command("numbre-predict", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_answers_that_cannot_be_written_end_in_one_line() -> None:
    command = [Path(sys.executable).parent / "numbre-predict", SAMPLES[0]]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "numbre-predict: standard output cannot be written (No space left on device)\n"


def test_debug_shows_the_traceback(run_command: Run) -> None:
    assert "Traceback" in run_command("numbre-predict", "--debug", "none.png").stderr


def test_an_altered_bundle_is_refused_by_the_commands(run_command: Run, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(NUMBRE_BUNDLE, tmp_path / "bundle"))
    (bundle / "model.int8.tflite").write_bytes(b"TFL3" * 27802)
    for command in (("numbre-predict", SAMPLES[0]), ("numbre-bench",)):
        done = run_command(*command, "--bundle", bundle)
        assert done.returncode == 2
        assert "altered" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_names_that_the_terminal_cannot_show_are_escaped(run_command: Run, tmp_path: Path) -> None:
    picture = tmp_path / "sp ünï 七.png"
    shutil.copy(SAMPLES[0], picture)
    done = run_command("numbre-predict", picture, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u4e03" in done.stdout


def test_a_misread_file_is_said_on_standard_error(run_command: Run, tmp_path: Path) -> None:
    """The shipped bundle with another answer recorded for its first file."""
    bundle = Path(shutil.copytree(NUMBRE_BUNDLE, tmp_path / "bundle"))
    arrays = read_npz((bundle / "golden.npz").read_bytes(), "golden.npz", BundleError)
    arrays["model.int8.tflite"] = np.roll(arrays["model.int8.tflite"], 1, axis=1)
    content = write_npz(**arrays)
    manifest = json.loads((bundle / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["file"] == "golden.npz":
            entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (bundle / "golden.npz").write_bytes(content)
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    done = run_command("numbre-predict", "--bundle", bundle, SAMPLES[0])
    assert done.returncode == 0
    assert "misreads model.int8.tflite" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_bundle_at_fault_says_nothing_of_its_model_files(tmp_path: Path) -> None:
    """Otherwise a sound bundle with the same model files would be refused afterwards."""
    spoiled, sound = (Path(shutil.copytree(NUMBRE_BUNDLE, tmp_path / name)) for name in ("spoiled", "sound"))
    arrays = read_npz((spoiled / "golden.npz").read_bytes(), "golden.npz", BundleError)
    arrays["model.int8.tflite"] = np.zeros_like(arrays["model.int8.tflite"])
    content = write_npz(**arrays)
    manifest = json.loads((spoiled / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["file"] == "golden.npz":
            entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (spoiled / "golden.npz").write_bytes(content)
    (spoiled / "manifest.json").write_text(json.dumps(manifest))
    code = "import sys, numbre_runtime; print(numbre_runtime.load(sys.argv[1]).artifact.file)"
    environment = {**os.environ, "NUMBRE_CACHE_DIR": str(tmp_path / "cache")}
    answers = [
        subprocess.run(
            [sys.executable, "-c", code, str(bundle)], env=environment, capture_output=True, text=True, check=False
        )
        for bundle in (spoiled, sound)
    ]
    assert "golden outputs are no scores" in answers[0].stderr
    assert answers[1].stdout == "model.int8.tflite\n"
