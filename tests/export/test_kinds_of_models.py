"""Models with layers of every kind are converted to integers in both formats, and compute what Keras computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Run
from numbre_export.convert.engine import keras
from numbre_export.convert.file_facts import FileFacts, onnx_facts, tflite_facts
from numbre_export.convert.keras_file import KerasModel, read_model
from numbre_export.convert.reasons import plain_reason
from numbre_export.convert.to_onnx import to_onnx
from numbre_export.convert.to_tflite import to_tflite
from numbre_export.convert.variant import Variant
from numbre_runtime.errors import ModelError

_ROWS = 60


def _pictures(*layers: Any) -> Any:
    module = keras()
    dense = module.layers.Dense(3, activation="softmax", bias_initializer="ones")
    return module.Sequential([module.Input((12, 12, 1)), *layers, module.layers.Flatten(), dense])


def _sequence(layer: Any) -> Any:
    module = keras()
    dense = module.layers.Dense(3, activation="softmax")
    return module.Sequential([module.Input((6, 4)), layer, dense])


def _mixed_precision() -> Any:
    module = keras()
    module.mixed_precision.set_global_policy("mixed_float16")
    try:
        return _pictures(module.layers.Conv2D(4, 3, activation="relu"))
    finally:
        module.mixed_precision.set_global_policy("float32")


def _quantized() -> Any:
    layers = keras().layers
    model = _pictures(layers.Flatten(), layers.Dense(8, activation="relu"))
    model.quantize("int8")
    return model


def _normalized() -> Any:
    layer = keras().layers.Normalization()
    layer.adapt(np.random.default_rng(1).random((50, 12, 12, 1)).astype(np.float32))
    return _pictures(layer, keras().layers.Conv2D(4, 3, activation="relu"))


def _words() -> Any:
    module = keras()
    layers = [module.layers.Embedding(50, 8), module.layers.GlobalAveragePooling1D(), module.layers.Dense(3, "softmax")]
    return module.Sequential([module.Input((10,), dtype="int32"), *layers])


def _pixels() -> Any:
    module = keras()
    layers = [module.layers.Rescaling(1 / 255), module.layers.Flatten(), module.layers.Dense(3, "softmax")]
    return module.Sequential([module.Input((12, 12, 1), dtype="uint8"), *layers])


def _binary() -> Any:
    module = keras()
    layers = [module.layers.Dense(8, "relu"), module.layers.Dense(1, "sigmoid", bias_initializer="ones")]
    return module.Sequential([module.Input((10,)), *layers])


_KINDS: dict[str, Callable[[], Any]] = {
    "GELU": lambda: _pictures(keras().layers.Conv2D(4, 3, activation="gelu")),
    "ELU": lambda: _pictures(keras().layers.Conv2D(4, 3, activation="elu")),
    "no bias": lambda: _pictures(keras().layers.Conv2D(4, 3, use_bias=False)),
    "grouped": lambda: _pictures(keras().layers.Conv2D(4, 3), keras().layers.Conv2D(4, 3, groups=2)),
    "layer normalization": lambda: _pictures(keras().layers.Conv2D(4, 3), keras().layers.LayerNormalization()),
    "normalization": _normalized,
    "resizing": lambda: _pictures(keras().layers.Resizing(8, 8), keras().layers.Conv2D(4, 3)),
    "LSTM": lambda: _sequence(keras().layers.LSTM(8)),
    "bidirectional GRU": lambda: _sequence(keras().layers.Bidirectional(keras().layers.GRU(4))),
    "embedding": _words,
    "uint8 input": _pixels,
    "mixed precision": _mixed_precision,
    "quantized by Keras": _quantized,
    "one sigmoid": _binary,
}


def _read(name: str, directory: Path) -> tuple[Any, KerasModel]:
    keras().utils.set_random_seed(0)
    model = _KINDS[name]()
    model.save(directory / "model.keras")
    return model, read_model(directory / "model.keras")


def _inputs(source: KerasModel) -> Any:
    values = np.random.default_rng(0).random((_ROWS, *source.input_shape))
    scale = 50 if source.model.inputs[0].dtype == "int32" else 1
    return (values * scale).astype(source.model.inputs[0].dtype)


def _tflite_scores(content: bytes, rows: Any) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.resize_tensor_input(0, rows.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rows)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _onnx_scores(content: bytes, rows: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(content)
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


@pytest.mark.parametrize("name", _KINDS)
def test_every_kind_has_integer_files_and_float_files_that_compute_the_same(name: str, tmp_path: Path) -> None:
    _, source = _read(name, tmp_path)
    rows = _inputs(source)
    expected = source.scores(rows)
    floats = to_tflite(source.model, Variant("float32", "tflite"), rows)
    assert _tflite_scores(floats, rows) == pytest.approx(expected, abs=1e-5)
    float_onnx = to_onnx(source.model, Variant("float32", "onnx"), rows)
    assert _onnx_scores(float_onnx, rows) == pytest.approx(expected, abs=1e-5)
    facts = [
        tflite_facts(to_tflite(source.model, Variant("int8", "tflite"), rows)),
        onnx_facts(to_onnx(float_onnx, Variant("int8", "onnx", granularity="channel"), rows)),
    ]
    assert all(item.integer for item in facts)
    assert _float_layers(facts) == {"ELU": {"conv2d"}, "layer normalization": {"layer_normalization"}}.get(name, set())


def _float_layers(facts: list[FileFacts]) -> set[str]:
    return {layer.rstrip("_0123456789") for item in facts for layer in item.float_layers}


def test_one_sigmoid_is_two_scores(tmp_path: Path) -> None:
    model, source = _read("one sigmoid", tmp_path)
    rows = _inputs(source)
    share = np.asarray(model(rows))
    assert source.classes == 2
    assert source.scores(rows) == pytest.approx(np.concatenate([1 - share, share], axis=1), abs=1e-6)


@pytest.mark.parametrize("name", ["mixed precision", "quantized by Keras", "LSTM", "uint8 input"])
def test_a_rebuilt_model_says_so_and_gives_the_scores_of_the_original(name: str, tmp_path: Path) -> None:
    model, source = _read(name, tmp_path)
    rows = _inputs(source)
    assert source.notes
    assert {weight.dtype for weight in source.model.weights if "seed" not in weight.path} == {"float32"}
    assert source.scores(rows) == pytest.approx(np.asarray(model(rows)).astype(np.float32), abs=0.02)


def test_several_sigmoids_are_independent_scores(tmp_path: Path) -> None:
    module = keras()
    model = module.Sequential([module.Input((4,)), module.layers.Dense(3, activation="sigmoid")])
    model.save(tmp_path / "model.keras")
    assert read_model(tmp_path / "model.keras").independent
    assert not _read("GELU", tmp_path)[1].independent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('loc(callsite(fused["TensorListReserve:", "a@b"] at x))', "no built-in operator for TensorListReserve"),
        ("error: failed to legalize operation 'tf.Roll' that was", "has no built-in operator for Roll"),
        ("Some ops are not supported\nSelect TensorFlow ops: FlexErf, FlexRoll\n", "operator for FlexErf, FlexRoll"),
        (
            "[ONNXRuntimeError] : 1 : FAIL : /src/session.cc:26 onnxruntime::Save()",
            "internal error (RuntimeError; --debug shows it)",
        ),
        ("std::bad_alloc", "not enough memory"),
        ("the number of groups must divide the channels\nat line 3", "the number of groups must divide the channels"),
        ("many words " * 50, "many words … (--debug shows all)"),
    ],
)
def test_reasons_have_no_compiler_text(text: str, reason: str) -> None:
    found = plain_reason(RuntimeError(text))
    assert reason in found
    assert not any(sign in found for sign in ("::", "loc(", ".cc", "\n"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recurrent model of many time steps, and its rows."""
    directory = tmp_path_factory.mktemp("odd")
    module = keras()
    module.utils.set_random_seed(0)
    steps = module.Sequential([module.Input((300, 2)), module.layers.LSTM(4), module.layers.Dense(2, "softmax")])
    steps.save(directory / "model.keras")
    generator = np.random.default_rng(0)
    np.savez(directory / "rows.npz", x=generator.random((120, 300, 2), np.float32), y=np.arange(120) % 2)
    return directory / "model.keras", directory / "rows.npz"


def test_what_one_format_cannot_do_is_a_row_with_a_reason(
    odd: tuple[Path, Path], tmp_path: Path, run_command: Run
) -> None:
    """A loop of 300 time steps is not unrolled; ONNX has an operator for it, TensorFlow Lite has none."""
    words = ("numbre-export", "--int8", "--model", odd[0], "--data", odd[1], "--preprocess", "none", "--max-drop", 1)
    done = run_command(*words, "--max-class-drop", 1, "--out", tmp_path / "out", "--debug")
    assert done.returncode == 0, done.stderr
    assert "model.int8.tflite: not made: TensorFlow Lite's converter does not take this model: TensorFlow Lite has" in (
        done.stdout
    )
    assert "Traceback" in done.stdout
    assert "convert/worker.py" in done.stdout
    assert {path.suffix for path in (tmp_path / "out").glob("model.*")} == {".onnx"}
    strict = run_command(*words, "--max-class-drop", 1, "--out", tmp_path / "strict", "--strict")
    assert strict.returncode == 2
    assert "no built-in operator for TensorList" in strict.stderr and len(strict.stderr.splitlines()) == 1
    assert not (tmp_path / "strict").exists()


def test_a_kernel_quantized_in_an_unknown_way_is_named(tmp_path: Path) -> None:
    layers = keras().layers
    model = _pictures(layers.Flatten(), layers.Dense(8, activation="relu"))
    model.quantize("int4")
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="quantized by Keras in a way that is not read"):
        read_model(tmp_path / "model.keras")
