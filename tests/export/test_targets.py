"""Older runtimes: the static answer for files of which the very runtimes' own answer is known.

Loaded in tflite-runtime 2.14.0, LiteRT 1.0.1 and ONNX Runtime 1.15.1 to 1.20.1 in throw-away environments: int8,
int8 with a scale a channel, int16x8, weight8 and float files run in all; what is refused below was refused there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import NUMBRE_BUNDLE, ROOT, Run
from numbre_export.cli import main
from numbre_export.convert.to_onnx import to_onnx
from numbre_export.convert.to_tflite import quantize_tflite
from numbre_export.convert.variant import Variant
from numbre_export.verify.targets import _as_tensorflow, parse_target, reasons_against
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import DataError
from numbre_train.data import Mnist


def _reasons(content: bytes, target: str) -> list[str]:
    parsed = parse_target(target)
    return reasons_against(content, parsed.format, parsed)


def _calibration(mnist: Mnist) -> np.ndarray:
    return (mnist.train_images[:50].reshape(50, 784) / 255).astype(np.float32)


@pytest.mark.parametrize("target", ["tflite-runtime==2.5", "tflite-runtime==2.14", "ai-edge-litert==1.0.1"])
def test_shipped_tflite_files_run_on_old_runtimes(shipped: Bundle, target: str) -> None:
    for name in ("model.int8.tflite", "model.float32.tflite"):
        assert _reasons(shipped.contents[name], target) == []


def test_int4_weights_need_a_newer_runtime_whatever_is_stamped(shipped: Bundle, mnist: Mnist) -> None:
    float32 = shipped.contents["model.float32.tflite"]
    content = quantize_tflite(float32, Variant("weight4", "tflite"), _calibration(mnist))
    assert "int4" in _reasons(content, "tflite-runtime==2.14")[0]
    assert _reasons(content, "litert==1.0.1") == []
    weight8 = quantize_tflite(float32, Variant("weight8", "tflite"), _calibration(mnist))
    assert _reasons(weight8, "tflite-runtime==2.14") == []


def test_int16_layers_between_int8_ones_need_a_newer_runtime(shipped: Bundle, mnist: Mnist) -> None:
    float32 = shipped.contents["model.float32.tflite"]
    variant = Variant("mixed", "tflite", kept=("hidden_2",), kept_as="int16")
    from numbre_export.verify.explain import _operators

    kept = next(item.output for item in _operators(float32) if "hidden_2" in item.names)
    content = quantize_tflite(
        float32, Variant(variant.precision, "tflite", kept=(kept,), kept_as="int16"), _calibration(mnist)
    )
    for target in ("tflite-runtime==2.14", "litert==1.0.1"):
        assert any("int8 to int16" in reason for reason in _reasons(content, target))
    assert _reasons(content, "litert==2.3.0") == []


def test_a_dense_layer_of_a_newer_version_is_refused(shipped: Bundle) -> None:
    """What TensorFlow stamps on dynamic files with a scale a channel; tflite-runtime 2.14 does not load them."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    content = shipped.contents["model.int8.tflite"]
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    next(code for code in model.operatorCodes if code.version == 4).version = 12
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    newer = bytes(builder.Output())
    reasons = _reasons(newer, "tflite-runtime==2.14")
    assert reasons == ["needs FULLY_CONNECTED version 12, which comes with TensorFlow Lite 2.17"]
    assert _reasons(newer, "tensorflow==2.17") == []


def test_onnx_files(shipped: Bundle, mnist: Mnist) -> None:
    int8 = shipped.contents["model.int8.onnx"]
    assert _reasons(int8, "onnxruntime==1.7") == []
    assert "opset 13" in _reasons(int8, "onnxruntime==1.6.0")[0]
    wide = to_onnx(shipped.contents["model.float32.onnx"], Variant("int16x8", "onnx"), _calibration(mnist))
    assert "int16" in _reasons(wide, "onnxruntime==1.16.3")[0]
    assert _reasons(wide, "onnxruntime==1.17.3") == []


@pytest.mark.parametrize(
    ("target", "tensorflow"),
    [
        ("litert==2.3", (2, 21)),
        ("litert==2.3.1", (2, 21)),
        ("litert==2.2.9", (2, 17)),
        ("litert==1.0", (2, 17)),
        ("litert==0.9", (0,)),
        ("tflite-runtime==2.5", (2, 5)),
        ("tensorflow==2.16.1", (2, 16, 1)),
    ],
)
def test_the_operators_that_a_target_has(target: str, tensorflow: tuple[int, ...]) -> None:
    assert _as_tensorflow(parse_target(target)) == tensorflow


@pytest.mark.parametrize("text", ["tflite-runtime", "tflite-runtime==new", "torch==2.0", "onnxruntime==1"])
def test_unknown_targets_are_named(text: str) -> None:
    with pytest.raises(DataError, match="expected one of tflite-runtime"):
        parse_target(text)


def test_a_granularity_that_the_target_does_not_run_gives_way(
    tmp_path: Path, mnist: Mnist, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, images, labels in (
        ("pool", mnist.train_images, mnist.train_labels),
        ("test", mnist.test_images, mnist.test_labels),
    ):
        np.savez(tmp_path / f"{name}.npz", x=images[:200], y=labels[:200])
    rows = ["--calibration", str(tmp_path / "pool.npz"), "--test", str(tmp_path / "test.npz"), "--preprocess", "unit"]
    model = ["--model", str(ROOT / "tests" / "assets" / "numbre.keras"), "--out", str(tmp_path / "bundle")]
    words = ["--dynamic", "--per-channel", "--format", "tflite", "--target", "tflite-runtime==2.14", *rows, *model]
    assert main([*words, "--max-class-drop", "1"]) == 0
    said = capsys.readouterr().out
    assert "made with one weight scale a tensor in dense layers instead" in said
    content = (tmp_path / "bundle" / "model.dynamic.tflite").read_bytes()
    assert _reasons(content, "tflite-runtime==2.14") == []


def test_check_answers_for_a_bundle_without_tensorflow(run_command: Run) -> None:
    done = run_command("numbre-check", NUMBRE_BUNDLE, "--target", "tflite-runtime==2.14")
    assert done.returncode == 0, done.stderr
    assert "model.int8.tflite with tflite-runtime==2.14: runs" in done.stdout
    done = run_command("numbre-check", NUMBRE_BUNDLE, "--target", "onnxruntime==1.6")
    assert done.returncode == 3
    assert "does not run: it needs opset 13" in done.stdout
    done = run_command("numbre-check", Path("nowhere"), "--target", "onnxruntime==1.6")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
