"""ONNX files that keep weights in other files are neither loaded nor written, wherever the file says so."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from conftest import ROOT, Run
from numbre_export.convert.file_facts import onnx_facts
from numbre_runtime.backends import backend
from numbre_runtime.backends.onnx_structure import has_external_data
from numbre_runtime.bundle import DEFAULT_BUNDLE, MANIFEST, Bundle, read_bundle
from numbre_runtime.errors import BackendError, ModelError


def _external(location: str) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[8], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def _model(location: str, place: str) -> bytes:
    """A model of x + w, with w in another file: an initializer, a constant, one inside of a branch or of a function."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8]) for name in "xy"]
    weights = _external(location)
    add = helper.make_node("Add", ["x", "w"], ["y"])
    constant = helper.make_node("Constant", [], ["w"], value=weights)
    functions = []
    if place == "initializer":
        graph = helper.make_graph([add], "g", ends[:1], ends[1:], [weights])
    elif place == "constant":
        graph = helper.make_graph([constant, add], "g", ends[:1], ends[1:])
    elif place == "branch":
        branch = helper.make_graph([constant, add], "b", [], ends[1:])
        flag = helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True]))
        choice = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([flag, choice], "g", ends[:1], ends[1:])
    else:
        opset = [helper.make_opsetid("", 13)]
        functions = [helper.make_function("own", "f", ["x"], ["y"], [constant, add], opset)]
        graph = helper.make_graph([helper.make_node("f", ["x"], ["y"], domain="own")], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    content: bytes = helper.make_model(
        graph, functions=functions, opset_imports=opsets, ir_version=8
    ).SerializeToString()
    return content


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("initializer", "keeps weights in another file"),
        ("constant", "keeps weights in another file"),
        ("branch", "control flow"),
        ("function", "functions"),
    ],
)
def test_they_are_refused_before_a_session_opens_them(
    place: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.arange(8, dtype=np.float32).tofile(tmp_path / "weights.bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: pytest.fail("a session was opened"))
    for location in ("weights.bin", str(tmp_path / "weights.bin"), "../weights.bin", "missing.bin"):
        content = _model(location, place)
        with pytest.raises(BackendError, match=reason):
            backend("onnxruntime").open_model(content, 1)
        with pytest.raises(ModelError, match=reason):
            onnx_facts(content)


def test_files_that_hold_all_their_weights_are_not(shipped: Bundle) -> None:
    for name in ("model.float32.onnx", "model.int8.onnx"):
        assert not has_external_data(shipped.contents[name])


def test_a_file_that_breaks_off_is_one_error(shipped: Bundle) -> None:
    content = shipped.contents["model.int8.onnx"]
    for part in (content[: len(content) // 2], content[:-1], b"\x3a", b"\xff" * 40, b"\x0b", b"PK\x03\x04"):
        with pytest.raises(BackendError, match="ONNX Runtime"):
            backend("onnxruntime").open_model(part, 1)
        with pytest.raises(ModelError, match="not an ONNX file"):
            onnx_facts(part)


def _bundle_with_external_data(directory: Path) -> Path:
    """The shipped bundle, its ONNX files with a weight elsewhere, all digests right."""
    bundle = read_bundle(DEFAULT_BUNDLE)
    contents, artifacts = dict(bundle.contents), []
    for artifact in bundle.manifest.artifacts:
        if artifact.format == "onnx":
            model = onnx.load_model_from_string(contents[artifact.file])
            model.graph.initializer[0].ClearField("raw_data")
            model.graph.initializer[0].MergeFrom(_external("weights.bin"))
            contents[artifact.file] = content = model.SerializeToString()
            digest = hashlib.sha256(content).hexdigest()
            artifact = artifact._replace(sha256=digest, bytes=len(content))
        artifacts.append(artifact)
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    changed = bundle.manifest._replace(artifacts=tuple(artifacts))
    (directory / MANIFEST).write_bytes(changed.to_json())
    return directory


def test_both_commands_say_so_in_one_line(run_command: Run, tmp_path: Path) -> None:
    bundle = _bundle_with_external_data(tmp_path)
    picture = ROOT / "samples" / "paper_3.png"
    for words in (
        ("numbre-predict", "--bundle", bundle, "--backend", "onnxruntime", picture),
        ("numbre-check", bundle, "--target", "onnxruntime==1.16.3"),
    ):
        done = run_command(*words)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "keeps weights in another file" in done.stderr
