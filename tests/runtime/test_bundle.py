"""A bundle is read only if every file is there, unaltered and understood."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numbre_runtime as numbre
from conftest import NUMBRE_BUNDLE
from numbre_runtime.bundle import MANIFEST, Bundle, read_bundle
from numbre_runtime.errors import BundleError
from numbre_runtime.manifest import SCHEMA, Manifest
from numbre_runtime.npz import UNPACKED_LIMIT, read_npz, write_npz


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped bundle that a test may spoil."""
    return Path(shutil.copytree(NUMBRE_BUNDLE, tmp_path / "bundle"))


def test_every_number_in_the_manifest_belongs_to_the_file_on_disk(shipped: Bundle) -> None:
    assert [artifact.file for artifact in shipped.manifest.artifacts] == [
        "model.int8.tflite",
        "model.int8.onnx",
        "model.float32.tflite",
        "model.float32.onnx",
    ]
    for artifact in shipped.manifest.artifacts:
        assert artifact.bytes == len(shipped.contents[artifact.file])
        assert artifact.measured[0].images == 10_000
    assert max(item.bytes for item in shipped.manifest.artifacts if item.precision == "int8") <= 130_000


def test_manifest_survives_the_way_through_json(shipped: Bundle) -> None:
    assert Manifest.from_json(shipped.manifest.to_json(), "there and back") == shipped.manifest


@pytest.mark.parametrize("file", ["model.float32.onnx", "golden.npz", "report.html"])
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(BundleError, match=rf"{file}: no such file"):
        numbre.load(copy)


@pytest.mark.parametrize("file", ["model.int8.tflite", "golden.npz", "report.html"])
def test_an_altered_file_is_named(copy: Path, file: str) -> None:
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{file}: altered"):
        numbre.load(copy)


def test_a_longer_file_is_refused_unread(copy: Path) -> None:
    with (copy / "model.int8.tflite").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(BundleError, match="larger than"):
        numbre.load(copy)


def test_an_extra_file_is_named(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"notes\.txt is not in its manifest"):
        numbre.load(copy)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such directory"):
        numbre.load(tmp_path / "none")
    with pytest.raises(BundleError, match=r"has no manifest\.json"):
        numbre.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="is a file"):
        numbre.load(tmp_path / "file")


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    data = json.loads((NUMBRE_BUNDLE / MANIFEST).read_text(encoding="utf-8"))
    change(data)
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.update(schema=SCHEMA + 1), f"schema {SCHEMA + 1}, but this runtime reads schema {SCHEMA}"),
        (lambda data: data.update(schema="1"), "no schema number"),
        (lambda data: data.pop("labels"), "'labels' is missing"),
        (lambda data: data.update(labels=[]), "lists no label"),
        (lambda data: data.update(labels="0123456789"), "labels: expected a list"),
        (lambda data: data.update(artifacts=[]), "lists no artifact"),
        (lambda data: data["artifacts"][0].update(bytes="many"), r"artifacts\[0\]: bytes: expected int, got 'many'"),
        (lambda data: data["artifacts"][0].update(bytes=True), r"bytes: expected int, got True"),
        (lambda data: data["artifacts"][0].update(file="../../etc/passwd"), "not a plain file name"),
        (lambda data: data["artifacts"][0].update(file="manifest.json"), "not a plain file name"),
        (lambda data: data["artifacts"][0].update(format="pickle"), "unknown format or precision"),
        (lambda data: data["artifacts"][0]["input"].update(scale=0), "scale is not usable"),
        (lambda data: data["artifacts"][0]["input"].update(scale=float("nan")), "NaN is no JSON number"),
        (lambda data: data["artifacts"].append(data["artifacts"][0]), "listed twice"),
        (lambda data: data["input"].update(shape=[1 << 40]), "out of bounds"),
        (lambda data: data["input"].update(preprocessing="magic"), "unknown dtype, preprocessing or picture"),
        (lambda data: data["baseline"].update(confidence_histogram=[0] * 20), "baseline: expected 20 counts"),
        (lambda data: data["baseline"].update(confidence_histogram=[1] * 19), "baseline: expected 20 counts"),
        (lambda data: data["baseline"].update(confidence_histogram=[-1, 2] * 10), "baseline: expected 20 counts"),
        (lambda data: data["baseline"].update(rejected=1.5), "baseline: a share outside"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_reason(change: Callable[[dict[str, Any]], object], reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        Manifest.from_json(_changed(change), "manifest.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_no_manifest(content: bytes) -> None:
    with pytest.raises(BundleError, match="not a manifest"):
        Manifest.from_json(content, "manifest.json")


def test_npz_gives_the_same_bytes_and_arrays_every_time() -> None:
    arrays: dict[str, NDArray[Any]] = {"a": np.arange(6).reshape(2, 3), "b": np.zeros(0, np.uint8)}
    content = write_npz(**arrays)
    assert content == write_npz(**arrays)
    for name, array in read_npz(content, "npz", BundleError).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_npz_with_objects_is_refused() -> None:
    stream = io.BytesIO()
    np.savez(stream, objects=np.array([{}], dtype=object))
    with pytest.raises(BundleError, match="not a readable npz file"):
        read_npz(stream.getvalue(), "evil.npz", BundleError)


def test_npz_that_unpacks_to_too_much_is_refused_unread() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.npy", "w") as member:
        for _ in range(UNPACKED_LIMIT // (1 << 20) + 1):
            member.write(bytes(1 << 20))
    with pytest.raises(BundleError, match="unpacks to"):
        read_npz(stream.getvalue(), "bomb.npz", BundleError)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", write_npz(a=np.arange(1000))[:-30]])
def test_a_damaged_npz_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="not a readable npz file"):
        read_npz(content, "damaged.npz", BundleError)


def test_golden_vectors_are_checked_for_shape(shipped: Bundle) -> None:
    spoiled = dict(shipped.contents)
    spoiled["golden.npz"] = write_npz(inputs=np.zeros((2, 5), np.uint8), labels=np.zeros(2, np.uint8))
    with pytest.raises(BundleError, match="is missing"):
        Bundle(shipped.path, shipped.manifest, spoiled).golden()


def test_shipped_bundle_is_read_whole() -> None:
    bundle = read_bundle(NUMBRE_BUNDLE)
    assert len(bundle.golden().inputs) == 40
    assert bundle.test_data() is None
