"""Damaged and dangerous model files are told from their structure, before any engine sees them."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

from conftest import NUMBRE_BUNDLE, Run
from numbre_runtime.backends.onnx_structure import MOST_VALUES as MOST_ONNX_VALUES
from numbre_runtime.backends.onnx_structure import onnx_ends
from numbre_runtime.backends.tflite_structure import MOST_DIMENSIONS, MOST_VALUES, tflite_ends
from numbre_runtime.bundle import GOLDEN, MANIFEST, Bundle, read_bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.doctor.trial import trial
from numbre_runtime.errors import BackendError, BundleError, NumbreError
from numbre_runtime.loading import load_bundle
from numbre_runtime.npz import read_npz, write_npz

_Change: TypeAlias = "Callable[[dict[str, Any], dict[str, bytes]], object]"
_TFLITE, _ONNX = "model.int8.tflite", "model.int8.onnx"


def _tflite(content: bytes, change: Callable[[Any], object]) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(model: Any, index: int) -> Any:
    return model.subgraphs[0].tensors[index]


def _first(model: Any) -> Any:
    return model.subgraphs[0].operators[0]


def _set(path: str, value: Any) -> Callable[[Any], object]:
    """A change of one attribute, "subgraphs.0.tensors.1.shape"."""

    def change(model: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            model = model[int(step)] if step.isdigit() else getattr(model, step)
        setattr(model, last, value)

    return change


def _weights_of_first(model: Any) -> int:
    return int(_first(model).inputs[1])


def _larger_weights(model: Any) -> None:
    _tensor(model, _weights_of_first(model)).shape = [10_000, 1000]


def _write_over_weights(model: Any) -> None:
    weights, output = _tensor(model, _weights_of_first(model)), _tensor(model, int(_first(model).outputs[0]))
    output.buffer = weights.buffer


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set("subgraphs", []), "no graph"),
        (lambda model: model.subgraphs.append(model.subgraphs[0]), "2 graphs"),
        (_set("subgraphs.0.outputs", []), "1 inputs and 0 outputs"),
        (_set("subgraphs.0.inputs", []), "0 inputs and 1 outputs"),
        (_set("subgraphs.0.inputs", [99]), "past the end of the list of tensors"),
        (_set("subgraphs.0.outputs", [-1]), "past the end of the list of tensors"),
        (_set("subgraphs.0.operators", []), "nothing computes its output"),
        (_set("subgraphs.0.operators.0.outputs", []), "without output"),
        (_set("subgraphs.0.operators.0.opcodeIndex", 99), "an operator of no kind"),
        (_set("subgraphs.0.operators.0.inputs", [0, 99]), "past the end of the list of tensors"),
        (_set("subgraphs.0.operators.0.inputs", [-2]), "past the end of the list of tensors"),
        (_set("subgraphs.0.tensors.0.shape", [1, 1 << 30]), "at most 16,777,216 values"),
        (_set("subgraphs.0.tensors.0.shape", [1, -1]), "sizes of 1 or more"),
        (_set("subgraphs.0.tensors.0.shape", [1, 0]), "sizes of 1 or more"),
        (_set("subgraphs.0.tensors.0.shape", [1] * (MOST_DIMENSIONS + 1)), "up to 8 sizes"),
        (_set("subgraphs.0.tensors.0.buffer", 9999), "a buffer that is not there"),
        (_set("subgraphs.0.tensors.0.type", schema.TensorType.STRING), "a tensor of type 5"),
        (_set("operatorCodes.0.builtinCode", schema.BuiltinOperator.WHILE), "WHILE is control flow"),
        (_set("operatorCodes.0.builtinCode", schema.BuiltinOperator.CUSTOM), "CUSTOM is control flow"),
        (_set("operatorCodes.0.builtinCode", 200), "operator 200"),
        (_set("operatorCodes.0.customCode", b"Flex"), "is not built in"),
        (_write_over_weights, "writes a constant"),
        (lambda model: setattr(_first(model), "outputs", model.subgraphs[0].inputs), "another one has written"),
        (lambda model: setattr(_first(model), "inputs", model.subgraphs[0].outputs), "nothing has written before"),
        (
            lambda model: setattr(_tensor(model, _weights_of_first(model)), "shape", [10_000, 1000]),
            "bytes for a constant",
        ),
        (lambda model: setattr(_tensor(model, 0).quantization, "scale", [-1.0]), "no positive number|not a positive"),
        (lambda model: setattr(_tensor(model, 0).quantization, "scale", [1.0, 2.0]), "2 scales for a tensor"),
        (lambda model: setattr(_tensor(model, 0).quantization, "zeroPoint", [1 << 40]), "zero point is out of range"),
        (lambda model: setattr(model.buffers[-1], "offset", 5), "behind the flatbuffer"),
    ],
)
def test_a_dangerous_tflite_file_is_refused(shipped: Bundle, change: Callable[[Any], object], reason: str) -> None:
    content = _tflite(shipped.contents[_TFLITE], change)
    with pytest.raises(ValueError, match=reason):
        tflite_ends(content)


def test_largest_shapes_are_at_the_bound(shipped: Bundle) -> None:
    last = len(schema.ModelT.InitFromObj(schema.Model.GetRootAs(shipped.contents[_TFLITE], 0)).subgraphs[0].tensors)

    def add(values: int) -> Callable[[Any], object]:
        def change(model: Any) -> None:
            extra = schema.TensorT()
            extra.shape, extra.type, extra.buffer = [1, values], schema.TensorType.INT8, 0
            model.subgraphs[0].tensors.append(extra)
            assert len(model.subgraphs[0].tensors) == last + 1

        return change

    tflite_ends(_tflite(shipped.contents[_TFLITE], add(MOST_VALUES)))
    with pytest.raises(ValueError, match="at most"):
        tflite_ends(_tflite(shipped.contents[_TFLITE], add(MOST_VALUES + 1)))


def test_no_cut_or_zeroed_tflite_file_gives_another_error(shipped: Bundle) -> None:
    content = shipped.contents[_TFLITE]
    for place in range(0, 4096, 2):
        damaged = bytearray(content)
        damaged[place : place + 2] = b"\0\0"
        for part in (bytes(damaged), content[:place]):
            try:
                tflite_ends(part)
            except ValueError:
                continue


def _onnx(content: bytes, change: Callable[[Any], object]) -> bytes:
    model = onnx.load_model_from_string(content)
    change(model)
    return bytes(model.SerializeToString())


def _loop(model: Any) -> None:
    body = helper.make_graph([], "b", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["never"], body=body))


def _foreign_operator(model: Any) -> None:
    model.graph.node.append(helper.make_node("Any", [""], ["z"], domain="own"))


def _recursion(model: Any) -> None:
    node = helper.make_node("f", ["x"], ["y"], domain="own")
    model.functions.append(helper.make_function("own", "f", ["x"], ["y"], [node], [helper.make_opsetid("own", 1)]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_loop, "control flow"),
        (lambda model: model.graph.node.append(helper.make_node("If", [""], ["z"])), r"control flow \(If\)"),
        (
            lambda model: model.graph.node.append(helper.make_node("Any", [""], ["z"], domain="own")),
            "operators of 'own'",
        ),
        (_recursion, "functions"),
        (lambda model: model.training_info.add(), "functions or training"),
        (lambda model: model.ClearField("graph"), "no graph"),
        (lambda model: model.graph.ClearField("output"), "1 inputs and 0 outputs"),
        (lambda model: model.graph.sparse_initializer.add(), "sparse"),
        (lambda model: model.graph.node[0].attribute.add().sparse_tensor.SetInParent(), "sparse"),
        (lambda model: model.graph.node[0].attribute.add().sparse_tensors.add(), "sparse"),
        (lambda model: model.graph.node[0].attribute.add().g.SetInParent(), "a graph within a graph"),
        (lambda model: model.graph.node[0].attribute.add().graphs.add(), "a graph within a graph"),
        (lambda model: model.graph.node[0].attribute.add().t.external_data.add(), "in another file"),
        (lambda model: model.graph.node[0].attribute.add().tensors.add(data_location=1), "in another file"),
        (lambda model: model.graph.initializer[0].ClearField("raw_data"), "0 bytes for a constant"),
        (lambda model: model.graph.initializer[0].dims.append(MOST_ONNX_VALUES + 1), "at most"),
        (lambda model: model.graph.initializer[0].dims.append(-1), "at most"),
        (lambda model: setattr(model.graph.initializer[0], "data_location", 1), "in another file"),
        (lambda model: setattr(model.graph.initializer[0], "data_type", TensorProto.STRING), "a tensor of type 8"),
        (lambda model: model.graph.node[0].input.append("nowhere"), "nothing has written before"),
        (lambda model: model.graph.node[-1].output.append(model.graph.initializer[0].name), "writes a constant"),
        (lambda model: setattr(model.graph.output[0], "name", "nowhere"), "nothing computes its output"),
    ],
)
def test_a_dangerous_onnx_file_is_refused(shipped: Bundle, change: Callable[[Any], object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        onnx_ends(_onnx(shipped.contents[_ONNX], change))


def test_two_graphs_in_one_onnx_file_are_refused(shipped: Bundle) -> None:
    """Protocol Buffers merge a field that is there twice; a reader that looks at the first alone sees another model."""
    with pytest.raises(ValueError, match="two graphs"):
        onnx_ends(shipped.contents[_ONNX] * 2)


def test_every_shipped_file_says_what_its_manifest_says(shipped: Bundle) -> None:
    for artifact in shipped.manifest.artifacts:
        ends = (tflite_ends if artifact.format == "tflite" else onnx_ends)(shipped.contents[artifact.file])
        assert (ends.input.dtype, ends.output.dtype) == (artifact.input.dtype, artifact.output.dtype)
        assert ends.input.scale == pytest.approx(artifact.input.scale)
        assert ends.output.zero_point == artifact.output.zero_point


def _changed_bundle(folder: Path, change: _Change) -> Path:
    """The shipped bundle with other files or another manifest, all digests right."""
    path = Path(shutil.copytree(NUMBRE_BUNDLE, folder / "bundle"))
    manifest = json.loads((path / MANIFEST).read_text())
    contents = {
        entry["file"]: (path / entry["file"]).read_bytes() for entry in manifest["artifacts"] + manifest["files"]
    }
    change(manifest, contents)
    for entry in manifest["artifacts"] + manifest["files"]:
        content = contents[entry["file"]]
        (path / entry["file"]).write_bytes(content)
        entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (path / MANIFEST).write_text(json.dumps(manifest))
    return path


def _golden(contents: dict[str, bytes], **arrays: Any) -> None:
    known = read_npz(contents[GOLDEN], GOLDEN, BundleError)
    contents[GOLDEN] = write_npz(**{**known, **arrays})


def _scale(factor: float) -> _Change:
    return lambda manifest, _: manifest["artifacts"][0]["output"].update(
        scale=manifest["artifacts"][0]["output"]["scale"] * factor
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_scale(4), "the manifest says that its output is int8 with scale"),
        (_scale(1.01), "the manifest says that its output is int8 with scale"),
        (lambda manifest, _: manifest["artifacts"][0]["output"].update(scale=1e-320), "not usable"),
        (lambda manifest, _: manifest["artifacts"][0]["output"].update(zero_point=-127), "zero point -127"),
        (lambda manifest, _: manifest["artifacts"][0]["input"].update(dtype="uint8"), "its input is uint8"),
        (lambda manifest, _: manifest.update(labels=["0"] * 10), "'0' is there twice"),
        (lambda manifest, _: manifest["labels"].__setitem__(3, " "), "is empty"),
        (lambda manifest, _: manifest["labels"].__setitem__(3, "a" * 1001), "longer than 1000"),
        (lambda manifest, _: manifest["labels"].pop(), "10 values a row, the manifest says 9|outputs of"),
        (lambda _, contents: _golden(contents, **{_TFLITE: np.zeros((40, 10), np.int8)}), "no scores"),
        (lambda _, contents: _golden(contents, **{_TFLITE: np.zeros((40, 10), np.float32)}), "outputs of float32"),
        (lambda _, contents: _golden(contents, labels=np.zeros(40)), "labels are float64"),
    ],
)
def test_a_manifest_cannot_lie(tmp_path: Path, change: _Change, reason: str) -> None:
    path = _changed_bundle(tmp_path, change)
    with pytest.raises(BundleError, match=reason):
        load_bundle(read_bundle(path), artifact=_TFLITE)


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    path = Path(shutil.copytree(NUMBRE_BUNDLE, tmp_path / "bundle"))
    text = (path / MANIFEST).read_text()
    (path / MANIFEST).write_text(text.replace('"name":', '"name": "other",\n "name":', 1))
    with pytest.raises(BundleError, match="'name' is there twice"):
        read_bundle(path)


def _unfit(_: dict[str, Any], contents: dict[str, bytes]) -> None:
    """Well formed, and no engine runs it: a convolution of two dimensions."""

    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = (
            schema.BuiltinOperator.CONV_2D
        )

    contents[_TFLITE] = _tflite(contents[_TFLITE], change)


def test_only_our_own_errors_come_out_of_a_spoiled_model(tmp_path: Path) -> None:
    bundle = read_bundle(_changed_bundle(tmp_path, _unfit))
    with pytest.raises((BundleError, BackendError)):
        load_bundle(bundle, artifact=_TFLITE, backend="litert")


def test_a_trial_tells_what_went_wrong(shipped: Bundle, tmp_path: Path) -> None:
    assert trial("litert", shipped, shipped.artifact(_TFLITE)) is None
    spoiled = read_bundle(_changed_bundle(tmp_path, _unfit))
    assert trial("litert", spoiled, spoiled.artifact(_TFLITE))


def test_engines_get_bytes_of_their_own(shipped: Bundle) -> None:
    before = {name: hashlib.sha256(content).digest() for name, content in shipped.contents.items()}
    for name in ("litert", "onnxruntime", "numpy"):
        file = _ONNX if name == "onnxruntime" else _TFLITE
        open_artifact(shipped, shipped.artifact(file), name).predict_raw(shipped.golden().inputs)
    assert {name: hashlib.sha256(content).digest() for name, content in shipped.contents.items()} == before


def test_the_doctor_says_what_is_wrong_with_a_bundle(run_command: Run, tmp_path: Path) -> None:
    def spoil(_: dict[str, Any], contents: dict[str, bytes]) -> None:
        contents[_TFLITE] = _tflite(contents[_TFLITE], _set("subgraphs", []))

    done = run_command("numbre-doctor", "--bundle", _changed_bundle(tmp_path, spoil))
    assert done.returncode == 2
    assert "it holds no graph" in done.stdout.splitlines()[0]
    assert any(line.startswith("model.float32.tflite with litert: works") for line in done.stdout.splitlines())


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_gives_our_own_errors_alone(shipped: Bundle, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for file, ends in ((_TFLITE, tflite_ends), (_ONNX, onnx_ends)):
        for _ in range(200):
            damaged = bytearray(shipped.contents[file])
            for place in rng.integers(0, 3000, 3):
                damaged[place] = rng.integers(0, 256)
            try:
                ends(bytes(damaged))
            except ValueError as error:
                assert not isinstance(error, (UnicodeError, struct.error))


def test_the_numpy_backend_runs_or_refuses_damaged_files(shipped: Bundle) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(shipped.contents[_TFLITE])
        damaged[rng.integers(0, 3000)] = rng.integers(0, 256)
        bundle = shipped._replace(contents={**shipped.contents, _TFLITE: bytes(damaged)})
        try:
            open_artifact(bundle, bundle.artifact(_TFLITE), "numpy").predict_raw(shipped.golden().inputs[:1])
        except NumbreError:
            continue
