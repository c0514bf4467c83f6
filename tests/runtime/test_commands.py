"""numbre-predict and numbre-bench as a user runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import ROOT, Run
from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_runtime.npz import write_npz
from numbre_train.data import Mnist

SAMPLES = sorted((ROOT / "samples").glob("*.png"))


def test_predict_reads_every_sample(run_command: Run) -> None:
    done = run_command("numbre-predict", *SAMPLES)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [line.split(": ")[1][0] for line in done.stdout.splitlines()]
    assert answers == [path.stem[-1] for path in SAMPLES]


def test_predict_prints_json_lines(run_command: Run) -> None:
    done = run_command("numbre-predict", "--json", "--backend", "onnxruntime", *SAMPLES[:2])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in lines] == [path.stem[-1] for path in SAMPLES[:2]]
    assert lines[0]["backend"].startswith("onnxruntime")
    assert set(lines[0]["scores"]) == set("0123456789")


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


def test_debug_shows_the_traceback(run_command: Run) -> None:
    assert "Traceback" in run_command("numbre-predict", "--debug", "none.png").stderr


def test_bench_measures_every_artifact(run_command: Run, mnist: Mnist, tmp_path: Path) -> None:
    (tmp_path / "test.npz").write_bytes(write_npz(images=mnist.test_images, labels=mnist.test_labels))
    done = run_command("numbre-bench", "--json", "--data", tmp_path / "test.npz")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert len(result["rows"]) == 4
    for row in result["rows"]:
        exported = result["accuracy_at_export"][row["artifact"]][0]
        assert exported["images"] == 10_000
        assert abs(row["accuracy"] - exported["accuracy"]) <= 2e-4
        assert 0 < row["p50_us"] <= row["p90_us"] <= row["p99_us"]
        assert row["images_per_second"] > 0


def test_bench_prints_a_table(run_command: Run) -> None:
    done = run_command("numbre-bench", "--backend", "litert")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["artifact", "backend"]
    assert lines[1].startswith("model.int8.tflite")
    assert "40 golden images" in lines[-1]


def test_bench_refuses_foreign_data(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"no npz")
    done = run_command("numbre-bench", "--data", tmp_path / "data.npz")
    assert done.returncode == 2
    assert "data.npz: not a readable npz file" in done.stderr


def test_an_altered_bundle_is_refused_by_the_commands(run_command: Run, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    (bundle / "model.int8.tflite").write_bytes(b"TFL3" * 27802)
    for command in (("numbre-predict", SAMPLES[0]), ("numbre-bench",)):
        done = run_command(*command, "--bundle", bundle)
        assert done.returncode == 2
        assert "altered" in done.stderr
        assert len(done.stderr.splitlines()) == 1
