"""Writing a bundle: every file, what the runtime measured on it, the golden vectors, the report, the manifest."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.inspect_files import FileFacts, onnx_facts, tflite_facts
from numbre_export.parity import TestSet, check, measure
from numbre_export.report import report_html
from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import GOLDEN, MANIFEST, TEST_DATA, Bundle, read_bundle
from numbre_runtime.classifier import load_bundle, open_artifact
from numbre_runtime.errors import ModelError
from numbre_runtime.files import replacing_directory, write_atomic
from numbre_runtime.manifest import SCHEMA, Artifact, FileEntry, InputSpec, Manifest
from numbre_runtime.npz import write_npz

REPORT = "report.html"
GOLDEN_PER_CLASS = 4
_FACTS: dict[str, Callable[[bytes], FileFacts]] = {"tflite": tflite_facts, "onnx": onnx_facts}


@dataclass(frozen=True)
class ModelFile:
    """A converted model, not written yet."""

    precision: str
    """"float32" or "int8"."""
    format: str
    """"tflite" or "onnx"."""
    content: bytes
    """The file."""

    @property
    def name(self) -> str:
        """Its file name inside the bundle."""
        return f"model.{self.precision}.{self.format}"


def write_bundle(
    target: Path,
    name: str,
    preprocessing: str,
    files: list[ModelFile],
    test: TestSet,
    provenance: dict[str, Any],
    with_test_data: bool,
    say: Callable[[str], None],
) -> Manifest:
    """Writes a bundle all or nothing; what is there already stays untouched unless everything passes.

    Args:
        target: The bundle's directory.
        name: The model's name.
        preprocessing: See `InputSpec.preprocessing`.
        files: The converted models, the recommended one first.
        test: The images that decide.
        provenance: Goes into the manifest as it is.
        with_test_data: Whether the test images travel with the bundle.
        say: Takes one line on each file.

    Raises:
        ParityError: A file misses its bounds.
        ModelError: A file is not what its name says.
        OutputError: The place cannot be written.
    """
    with replacing_directory(target) as staging:
        for file in files:
            write_atomic(staging / file.name, file.content)
        artifacts = tuple(_artifact(staging / file.name, file) for file in files)
        labels = tuple(str(label) for label in range(test.scores.shape[1]))
        spec = InputSpec(test.images.shape[1:], "uint8", 0, 255, preprocessing)
        manifest = Manifest(SCHEMA, name, labels, spec, artifacts, (), test.accuracy, provenance)
        bundle = Bundle(staging, manifest, {item.file: (staging / item.file).read_bytes() for item in artifacts})
        measured = []
        for artifact in artifacts:
            measured.append(dataclasses.replace(artifact, measured=measure(bundle, artifact, test)))
            say(_line(measured[-1]))
            check(measured[-1], test.accuracy)
        manifest = dataclasses.replace(manifest, artifacts=tuple(measured))
        others = {GOLDEN: _golden(bundle, test), REPORT: report_html(manifest).encode()}
        if with_test_data:
            answers = test.scores.argmax(axis=1).astype(np.uint8)
            others[TEST_DATA] = write_npz(images=test.images, labels=test.labels, answers=answers)
        for other, content in others.items():
            write_atomic(staging / other, content)
        entries = tuple(FileEntry(other, _digest(content), len(content)) for other, content in others.items())
        manifest = dataclasses.replace(manifest, files=entries)
        write_atomic(staging / MANIFEST, manifest.to_json())
        _check_bundle(staging)
    return manifest


def _artifact(path: Path, file: ModelFile) -> Artifact:
    """Describes a written file by what is found inside it.

    Raises:
        ModelError: It is called int8 and is not.
    """
    content = path.read_bytes()
    facts = _FACTS[file.format](content)
    if file.precision == "int8" and facts.not_int8:
        raise ModelError(f"{file.name}: not fully int8: {', '.join(facts.not_int8[:3])}")
    return Artifact(
        file=file.name,
        sha256=_digest(content),
        bytes=len(content),
        format=file.format,
        precision=file.precision,
        input=facts.input,
        output=facts.output,
        requires=facts.requires,
        measured=(),
    )


def _line(artifact: Artifact) -> str:
    texts = [
        f"{item.backend}: accuracy {item.accuracy:.2%}, agrees with Keras on {item.agreement:.2%}, "
        f"largest score difference {item.largest_difference:.1e}"
        for item in artifact.measured
    ]
    return f"{artifact.file} ({artifact.bytes / 1000:.1f} kB) {'; '.join(texts)}"


def _golden(bundle: Bundle, test: TestSet) -> bytes:
    """The first test images of each class, and each file's exact outputs for them."""
    rows = np.sort(np.concatenate([np.flatnonzero(test.labels == label)[:GOLDEN_PER_CLASS] for label in range(10)]))
    inputs = test.images[rows]
    outputs: dict[str, NDArray[Any]] = {}
    for artifact in bundle.manifest.artifacts:
        backend = next(name for name in BACKENDS if backend_format(name) == artifact.format)
        outputs[artifact.file] = open_artifact(bundle, artifact, backend).predict_raw(inputs)
    return write_npz(inputs=inputs, labels=test.labels[rows], **outputs)


def _check_bundle(path: Path) -> None:
    """Reads the finished bundle as a device will: hashes, self test of every artifact."""
    bundle = read_bundle(path)
    for artifact in bundle.manifest.artifacts:
        load_bundle(bundle, artifact=artifact.file)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
