"""The C library: the numpy backend's bits on every image, nothing but C99, and nothing of a user's destroyed."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from fuzz_c_library import try_seed
from numpy.typing import NDArray

from conftest import ROOT, Run
from numbre_export import export_model, write_c_library
from numbre_export.c.c_model import CModel, c_model
from numbre_export.c.literals import remark, string
from numbre_export.c.model_source import model_files
from numbre_export.c.vectors import vectors
from numbre_runtime import load
from numbre_runtime.backends.integer import open_model
from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.errors import BackendError, BundleError, DataError, OutputError
from numbre_runtime.manifest import InputSpec, Manifest
from numbre_runtime.native.arena import plan_arena
from numbre_runtime.native.steps import Step
from numbre_runtime.tensors import dequantized, encoder, softmax
from numbre_train.data import Mnist
from runtime.tflite_builder import OneLayer

TINY = ROOT / "tests" / "assets" / "tiny.int8.tflite"
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-pedantic", "-Werror")
LANGUAGES = {
    "gcc": ("gcc", "-std=c99"),
    "clang": ("clang", "-std=c99"),
    "g++": ("g++", "-x", "c++", "-std=c++11"),
    "portable": ("gcc", "-std=c99", "-DNUMBRE_NO_VECTORS"),
}


_PRINTS_LABELS = """\
#include <stdio.h>
#include <string.h>
#include "model.h"
int main(void)
{
    const char *labels[] = NUMBRE_LABELS;
    for (int i = 0; i < NUMBRE_OUTPUTS; i++)
        fwrite(labels[i], 1, strlen(labels[i]) + 1, stdout);
    return 0;
}
"""


class _Compiled:
    """A library of this machine's, called through ctypes."""

    def __init__(self, model: CModel, folder: Path, language: str = "gcc") -> None:
        for name, text in model_files(model).items():
            (folder / name).write_text(text, encoding="utf-8")
        command, *flags = LANGUAGES[language]
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed (Debian: {command})")
        built = folder / "model.so"
        shared = ("-O2", "-fPIC", "-shared", "-o", built, folder / "model.c")
        subprocess.run([command, *flags, *STRICT, *shared], check=True, timeout=120)
        self._functions = ctypes.CDLL(str(built))
        self._model = model

    def __call__(self, function: str, rows: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """All rows' outputs and what the function returned."""
        called = getattr(self._functions, f"{self._model.prefix}_{function}")
        outputs = np.empty((len(rows), self._model.outputs), np.int8)
        rows = np.ascontiguousarray(rows.reshape(len(rows), -1))
        answers = [
            called(ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(output.ctypes.data))
            for row, output in zip(rows, outputs, strict=True)
        ]
        return outputs, np.array(answers)


def _shipped_network(name: str) -> tuple[CModel, bytes, Manifest]:
    bundle = read_bundle(MODELS / name)
    content = bundle.contents["model.int8.tflite"]
    return c_model(content, bundle.manifest.name, manifest=bundle.manifest), content, bundle.manifest


@dataclass(frozen=True)
class _Expected:
    """What the numpy backend and the classifier give for MNIST's test images."""

    model: CModel
    stored: NDArray[np.int8]
    outputs: NDArray[np.int8]
    answers: NDArray[np.int64]
    """Of the first 300."""


@pytest.fixture(scope="module", params=["numbre-int8", "digits-int8"])
def expected(request: pytest.FixtureRequest, mnist: Mnist) -> _Expected:
    model, content, manifest = _shipped_network(request.param)
    stored = encoder(manifest.input, model.source)(mnist.test_images.reshape(-1, 784))
    classifier = load(request.param, backend="numpy")
    predictions = [classifier.predict(image) for image in mnist.test_images[:300]]
    answers = [manifest.labels.index(found.label) if found.recognized else -1 for found in predictions]
    return _Expected(model, stored, open_model(content, 1).run(stored), np.array(answers))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_test_image_gets_the_numpy_backends_bits(
    expected: _Expected, language: str, mnist: Mnist, tmp_path: Path
) -> None:
    library = _Compiled(expected.model, tmp_path, language)
    images = 10_000 if language == "gcc" else 500
    outputs, answers = library("predict", mnist.test_images[:images])
    np.testing.assert_array_equal(outputs, expected.outputs[:images])
    np.testing.assert_array_equal(library("run", expected.stored[:500])[0], expected.outputs[:500])
    np.testing.assert_array_equal(answers[:300], expected.answers)


def test_the_tiny_network_is_right_on_98_of_100(mnist: Mnist, tmp_path: Path) -> None:
    """It stands for what an AVR with 2 kB of RAM can do: ≥ 98.5%, picture, activations and stack below 2 kB."""
    manifest = read_bundle(MODELS / "numbre-int8").manifest
    model = c_model(TINY.read_bytes(), "tiny", manifest=manifest)
    _, answers = _Compiled(model, tmp_path)("predict", mnist.test_images)
    assert (answers == mnist.test_labels).mean() >= 0.985
    assert model.inputs + model.arena_bytes < 1800


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_under_sanitizers(seed: int, tmp_path: Path) -> None:
    try_seed(seed, tmp_path)


@pytest.mark.parametrize("preprocessing", ["none", "signed", "affine"])
def test_pixels_are_read_as_the_runtime_reads_them(preprocessing: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    layer = OneLayer(
        "CONV_2D", (1, 6, 5, 3), (1, 6, 5, 4), 0.013, -7, 0.4, 3,
        weights=generator.integers(-128, 128, (4, 3, 3, 3), np.int8), weight_scales=[0.01] * 4, version=3,
        kind="Conv2DOptions", options={"padding": schema.Padding.SAME, "strideH": 1, "strideW": 1},
    )  # fmt: skip
    affine = ((0.01, 0.02, 0.005), (0.0, -1.0, 0.5)) if preprocessing == "affine" else ((), ())
    spec = InputSpec((6, 5, 3), "uint8", 0, 255, preprocessing, "resize", *affine)
    manifest = read_bundle(MODELS / "numbre-int8").manifest._replace(input=spec)
    content = layer.build()
    images = generator.integers(0, 256, (20, 90), np.uint8)
    model = c_model(content, "colours", manifest=manifest)
    stored = encoder(spec, model.source)(images)
    np.testing.assert_array_equal(_Compiled(model, tmp_path)("predict", images)[0], open_model(content, 1).run(stored))


def test_a_damaged_file_is_refused_as_the_numpy_backend_refuses_it() -> None:
    content = (MODELS / "digits-int8" / "model.int8.tflite").read_bytes()
    generator, refused = np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(content)
        for at in generator.integers(0, len(content), 20):
            damaged[at] = generator.integers(0, 256)
        try:
            open_model(bytes(damaged), 1)
        except BackendError as expected:
            refused += 1
            with pytest.raises(type(expected)) as found:
                c_model(bytes(damaged), "damaged")
            assert str(found.value) == str(expected)
        else:
            model_files(c_model(bytes(damaged), "changed"))
    assert refused > 5


def test_labels_and_names_cannot_leave_their_string_or_comment(tmp_path: Path) -> None:
    _, content, manifest = _shipped_network("numbre-int8")
    labels = ('"', "\\", "*/ int x;", "\n#error", "??/", "é", "%s", "//", "a" * 300, "")
    model = c_model(content, '*/\n#error "', manifest=manifest._replace(labels=labels))
    for name, text in model_files(model).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(_PRINTS_LABELS)
    command = ["cc", "-std=c99", "-trigraphs", *STRICT, "-o", "main", "main.c", "model.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout
    assert tuple(part.decode() for part in printed.split(b"\0")[:-1]) == labels
    assert "*/" not in remark("a */ b")
    assert string("\0") == '"\\000"'


def test_no_float_and_no_heap_on_the_way(tmp_path: Path) -> None:
    """What the object file needs from outside is nothing."""
    for name, text in model_files(_shipped_network("digits-int8")[0]).items():
        (tmp_path / name).write_text(text)
    portable = LANGUAGES["portable"]
    subprocess.run([*portable, "-O2", "-mgeneral-regs-only", "-c", "model.c"], cwd=tmp_path, check=True)
    undefined = subprocess.run(["nm", "-u", "model.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert undefined.split() == []


def test_activations_share_the_arena() -> None:
    """Never more than the largest pair of activations, and less where a layer reads ahead of what it writes."""
    model = _shipped_network("digits-int8")[0]
    largest_pair = max(step.inputs + step.outputs for step in model.steps)
    assert model.arena_bytes < largest_pair
    chain = [Step("dense", "", 10, 20, {}), Step("dense", "", 20, 5, {}), Step("softmax", "", 5, 5, {}, lead=0)]
    assert plan_arena(chain, holds_input=False).bytes == 25
    assert plan_arena(chain, holds_input=True).bytes == 30


def test_the_library_beside_a_bundle(tmp_path: Path) -> None:
    written = write_c_library("digits-int8", tmp_path / "c")
    checked = subprocess.run(["make", "-C", tmp_path / "c", "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "40 of 40 golden vectors agree" in checked.stdout
    paths = {str(path.relative_to(tmp_path / "c")) for path in (tmp_path / "c").rglob("*") if path.is_file()}
    assert {"arduino/numbre/library.properties", "pico/CMakeLists.txt", "esp-idf/main/main.c"} <= paths
    for source in ("check.c", "pico/main.c", "esp-idf/main/main.c", "arduino/numbre/examples/classify/classify.ino"):
        assert "@" not in (tmp_path / "c" / source).read_text()
    assert written.arena_bytes == 3496


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "mine.c").write_text("int mine;")
    with pytest.raises(OutputError, match="choose another --out"):
        write_c_library("numbre-int8", folder)
    assert [path.name for path in folder.iterdir()] == ["mine.c"]
    (folder / "mine.c").unlink()
    write_c_library("numbre-int8", folder)
    (folder / "pico" / "build").mkdir()
    (folder / "pico" / "build" / "mine.txt").write_text("mine")
    write_c_library("digits-int8", folder)
    assert (folder / "pico" / "build" / "mine.txt").read_text() == "mine"
    assert "NUMBRE_OUTPUTS 11" in (folder / "model.h").read_text()


@pytest.mark.parametrize("prefix", ["", "Digits", "9a", "a b", "a" * 31, "é"])
def test_a_prefix_is_a_c_identifier(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a name for C functions"):
        write_c_library("numbre-int8", tmp_path / "c", prefix=prefix)
    assert not (tmp_path / "c").exists()


def test_a_bundle_without_an_int8_file(shipped_float: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no int8 TFLite file"):
        write_c_library(shipped_float, tmp_path / "c")


@pytest.fixture
def shipped_float(tmp_path: Path) -> Path:
    """The shipped bundle with its int8 TFLite file named otherwise."""
    folder = tmp_path / "bundle"
    shutil.copytree(MODELS / "numbre-int8", folder)
    text = json.loads((folder / "manifest.json").read_text())
    for artifact in text["artifacts"]:
        artifact["precision"] = "mixed" if artifact["precision"] == "int8" else artifact["precision"]
    (folder / "manifest.json").write_text(json.dumps(text))
    return folder


def test_a_threshold_on_logits_is_that_of_their_softmax(mnist: Mnist) -> None:
    """In whole numbers it may differ only where a share is within a thousandth of the threshold."""
    _, content, manifest = _shipped_network("digits-int8")
    strict = manifest._replace(threshold=0.99)
    found = vectors(content, c_model(content, "strict", manifest=strict), mnist.test_images[:2000])
    logits = dequantized(found.outputs, manifest.artifacts[0].output)
    scores = softmax(logits, manifest.temperature)[:, :10]
    clear = np.abs(scores.max(axis=1) - 0.99) > 0.001
    expected = np.where(scores.max(axis=1) >= 0.99, scores.argmax(axis=1), -1)
    assert (expected == -1).sum() > 20
    np.testing.assert_array_equal(found.answers[clear], expected[clear])


@pytest.mark.slow
def test_an_export_with_its_library(tmp_path: Path) -> None:
    report = export_model(
        ROOT / "tests" / "assets" / "numbre.keras", None, tmp_path / "bundle", formats=("tflite",), c_prefix="digit"
    )
    said = report.manifest.c
    assert said is not None
    assert (said.macs, said.arena, said.prefix) == (105_800, 809, "digit")
    assert {"model.h", "model.c"} <= {entry.file for entry in report.manifest.files}
    assert read_bundle(tmp_path / "bundle").manifest.c == said
    if said.flash is not None:
        assert said.flash <= 115_000
        assert said.ram is not None
        assert said.ram <= 2048
    checked = subprocess.run(
        ["make", "-C", tmp_path / "bundle-c", "check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_the_command(run_command: Run, tmp_path: Path) -> None:
    done = run_command("numbre-export", "--c", "--model", TINY, "--out", tmp_path / "c", "--c-prefix", "tiny")
    assert done.returncode == 0, done.stderr
    assert "int tiny_run(" in (tmp_path / "c" / "model.h").read_text()
    assert "tiny_predict" not in (tmp_path / "c" / "model.h").read_text()
    model = ROOT / "tests" / "assets" / "numbre.keras"
    refused = run_command("numbre-export", "--c", "--float16", "--model", model, "--out", tmp_path / "b")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("channels", [3, 8, 11])
def test_ties_are_rounded_as_tensorflow_lite_rounds_them(channels: int, tmp_path: Path) -> None:
    """A quarter of a sum: in the last channels of a depthwise layer, ties go away from zero, elsewhere upward."""
    layer = OneLayer(
        "DEPTHWISE_CONV_2D", (1, 16, 16, channels), (1, 16, 16, channels), 2**-3, 0, 2**-4, 0,
        weights=np.ones((1, 1, 1, channels), np.int8), weight_scales=[2**-3], version=3,
        kind="DepthwiseConv2DOptions",
        options={"padding": schema.Padding.VALID, "strideH": 1, "strideW": 1, "depthMultiplier": 1},
    )  # fmt: skip
    content = layer.build()
    rows = np.repeat(np.arange(-128, 128, dtype=np.int8), channels)[None]
    found, _ = _Compiled(c_model(content, "ties"), tmp_path, "portable")("run", rows)
    np.testing.assert_array_equal(found, open_model(content, 1).run(rows))
