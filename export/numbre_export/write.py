"""Writing a bundle: every file, what the runtime measured on it, the golden vectors, the report, the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.explain import LayerNoise
from numbre_export.inspect_files import FileFacts, onnx_facts, tflite_facts
from numbre_export.ladder import Climb
from numbre_export.matrix import agreement_matrix
from numbre_export.metadata import Description, describe_onnx, describe_tflite
from numbre_export.parity import Gate, Run, TestSet, check, measure, misses, noise, run_artifact
from numbre_export.recipes import Recipe, scheme
from numbre_export.report import Findings, report_html
from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import GOLDEN, MANIFEST, TEST_DATA, Bundle, read_bundle
from numbre_runtime.classifier import load_bundle, open_artifact
from numbre_runtime.cli.common import quiet_engine
from numbre_runtime.errors import ModelError
from numbre_runtime.files import replacing_directory, write_atomic
from numbre_runtime.manifest import SCHEMA, Artifact, FileEntry, InputSpec, Manifest, Measurement
from numbre_runtime.npz import write_npz
from numbre_train.data.abstention import Abstention

REPORT = "report.html"
GOLDEN_PER_CLASS = 4
_GOLDEN_ROWS = 200
_FACTS: dict[str, Callable[[bytes], FileFacts]] = {"tflite": tflite_facts, "onnx": onnx_facts}
_DESCRIBE = {"tflite": describe_tflite, "onnx": describe_onnx}


@dataclass(frozen=True)
class ModelFile:
    """A converted model, not written yet."""

    recipe: Recipe
    """How it was made."""
    content: bytes
    """The file."""
    calibration_rows: int = 0
    """Rows that it was calibrated with; 0 where it needs none."""


@dataclass(frozen=True)
class Frame:
    """All of a bundle but its files."""

    name: str
    """The model's name."""
    spec: InputSpec
    """What the user hands in."""
    labels: tuple[str, ...]
    """The classes."""
    output: str
    """"softmax" or "logits"."""
    test: TestSet
    """The rows that decide."""
    gate: Gate
    """The bounds."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Goes into the manifest."""
    abstention: Abstention = field(default_factory=Abstention)
    """When the classifier gives no answer; the gate asks for the answers all the same."""

    def manifest(self, artifacts: Sequence[Artifact], files: Sequence[FileEntry] = ()) -> Manifest:
        """The manifest of these artifacts."""
        return Manifest(
            SCHEMA,
            self.name,
            self.labels,
            self.spec,
            tuple(artifacts),
            tuple(files),
            self.test.accuracy,
            self.provenance,
            self.output,
            self.abstention.threshold,
            self.abstention.none_label,
        )

    def run(self, path: Path, recipe: Recipe) -> tuple[Artifact, list[Run]]:
        """Reads a written file, runs it on the test rows and gives it with its figures.

        Raises:
            ModelError: It is not what its name says.
            BackendError: No backend runs it.
        """
        content = path.read_bytes()
        artifact = _artifact(content, recipe)
        bundle = Bundle(path.parent, self.manifest([artifact]), {path.name: content})
        with quiet_engine():
            runs = run_artifact(bundle, artifact, self.test.images)
        measured = tuple(measure(run, self.test, self.labels) for run in runs)
        return artifact._replace(measured=measured), runs

    def described(self, content: bytes, recipe: Recipe) -> bytes:
        """The file with labels, preprocessing and quantization written into it."""
        description = Description(self.name, scheme(recipe), self.spec, self.labels, self.output)
        return _DESCRIBE[recipe.format](content, description)

    def judge(self, directory: Path, recipe: Recipe, content: bytes) -> tuple[Measurement, list[str]]:
        """What a file is worth to choose it, the worst of its backends, and the bounds that it misses."""
        path = directory / recipe.file
        path.write_bytes(self.described(content, recipe))
        artifact, _ = self.run(path, recipe)
        missed = [
            misses(recipe.precision, item, self.test.accuracy, self.gate, careful=True) for item in artifact.measured
        ]
        place = int(np.argmax([len(item) for item in missed]))
        return artifact.measured[place], missed[place]


def write_bundle(
    target: Path,
    frame: Frame,
    files: list[ModelFile],
    with_test_data: bool,
    say: Callable[[str], None],
    explanation: Sequence[LayerNoise] = (),
    climbs: Sequence[Climb] = (),
) -> Manifest:
    """Writes a bundle all or nothing; what is there already stays untouched unless everything passes.

    Args:
        target: The bundle's directory.
        frame: See `Frame`.
        files: The converted models, the recommended one first.
        with_test_data: Whether the test rows travel with the bundle.
        say: Takes one line on each file.
        explanation: What `explain` found, for the report.
        climbs: How the ladder was climbed, for the report.

    Raises:
        ParityError: A file misses its bounds.
        ModelError: A file is not what its name says.
        OutputError: The place cannot be written.
    """
    test = frame.test
    with replacing_directory(target) as staging:
        artifacts, runs = [], []
        for file in files:
            path = staging / file.recipe.file
            write_atomic(path, frame.described(file.content, file.recipe))
            artifact, own = frame.run(path, file.recipe)
            for line in _lines(artifact, file):
                say(line)
            check(artifact, test.accuracy, frame.gate)
            artifacts.append(artifact)
            runs += own
        contents = {artifact.file: (staging / artifact.file).read_bytes() for artifact in artifacts}
        manifest = frame.manifest(artifacts)
        schemes = {file.recipe.file: _scheme(file) for file in files}
        findings = Findings(schemes, agreement_matrix(runs, test), runs, test, tuple(explanation), tuple(climbs))
        others = {
            GOLDEN: _golden(Bundle(staging, manifest, contents), test),
            REPORT: report_html(manifest, findings).encode(),
        }
        if with_test_data:
            labels = _small(test.labels, len(frame.labels))
            answers = _small(test.answers, len(frame.labels))
            others[TEST_DATA] = write_npz(images=test.images, labels=labels, answers=answers)
        for other, content in others.items():
            write_atomic(staging / other, content)
        entries = [FileEntry(other, _digest(content), len(content)) for other, content in others.items()]
        manifest = frame.manifest(artifacts, entries)
        write_atomic(staging / MANIFEST, manifest.to_json())
        _check_bundle(staging)
    return manifest


def _artifact(content: bytes, recipe: Recipe) -> Artifact:
    """Describes a written file by what is found inside it.

    Raises:
        ModelError: It is called int8 and is not, or has another input and output than was asked for.
    """
    facts = _FACTS[recipe.format](content)
    if recipe.precision == "int8":
        if facts.not_int8:
            raise ModelError(f"{recipe.file}: not fully int8: {', '.join(facts.not_int8[:3])}")
        if {facts.input.dtype, facts.output.dtype} != {recipe.ends}:
            raise ModelError(
                f"{recipe.file}: takes {facts.input.dtype} and gives {facts.output.dtype}; {recipe.ends} was asked for"
            )
    return Artifact(
        file=recipe.file,
        sha256=_digest(content),
        bytes=len(content),
        format=recipe.format,
        precision=recipe.precision,
        input=facts.input,
        output=facts.output,
        requires=facts.requires,
        measured=(),
    )


def _scheme(file: ModelFile) -> str:
    calibrated = f"calibrated on {file.calibration_rows} rows" if file.calibration_rows else "no calibration data"
    return f"{scheme(file.recipe)}; {calibrated}"


def _lines(artifact: Artifact, file: ModelFile) -> list[str]:
    """One line on what the file is, one a backend on what it does."""
    ends = f"{artifact.input.dtype} in, {artifact.output.dtype} out"
    lines = [f"{artifact.file} ({artifact.bytes / 1000:.1f} kB): {_scheme(file)}; {ends}"]
    lines += [
        f"  {item.backend}: accuracy {item.accuracy:.2%} ({item.interval[0]:.2%}–{item.interval[1]:.2%}), agrees "
        f"with Keras on {item.agreement:.2%} ({noise(item)}), worst class '{item.worst_class}' "
        f"{-(item.worst_class_drop or 0) * 100:+.2f} points, largest score difference {item.largest_difference:.1e}"
        for item in artifact.measured
    ]
    return lines


def _golden(bundle: Bundle, test: TestSet) -> bytes:
    """The first test rows of each class, and each file's exact outputs for them."""
    classes = len(bundle.manifest.labels)
    per_class = max(1, min(GOLDEN_PER_CLASS, _GOLDEN_ROWS // classes))
    picked = [np.flatnonzero(test.labels == label)[:per_class] for label in range(classes)]
    rows = np.sort(np.concatenate(picked))[:_GOLDEN_ROWS]
    inputs = test.images[rows]
    outputs: dict[str, NDArray[Any]] = {}
    for artifact in bundle.manifest.artifacts:
        backend = next(name for name in BACKENDS if backend_format(name) == artifact.format)
        outputs[artifact.file] = open_artifact(bundle, artifact, backend).predict_raw(inputs)
    return write_npz(inputs=inputs, labels=_small(test.labels[rows], classes), **outputs)


def _small(classes: NDArray[np.integer], count: int) -> NDArray[np.integer]:
    """Classes as the smallest unsigned type that holds them."""
    return classes.astype(np.uint8 if count <= 256 else np.uint16)


def _check_bundle(path: Path) -> None:
    """Reads the finished bundle as a device will: hashes, self test of every artifact."""
    bundle = read_bundle(path)
    for artifact in bundle.manifest.artifacts:
        load_bundle(bundle, artifact=artifact.file)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
