"""Writing a bundle: every file, what the runtime measured on it, the golden vectors, the report, the manifest."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.bundle.report import Findings, report_html
from numbre_export.bundle.staging import foreign_file
from numbre_export.convert.variant import Variant, scheme
from numbre_export.verify.explain import LayerNoise
from numbre_export.verify.frame import Frame
from numbre_export.verify.gate import TestSet, enforce, noise
from numbre_export.verify.ladder import Climb
from numbre_export.verify.matrix import agreement_matrix
from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import GOLDEN, MANIFEST, TEST_DATA, Bundle, read_bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.directories import replacing_directory
from numbre_runtime.files import write_atomic
from numbre_runtime.loading import load_bundle
from numbre_runtime.manifest import Artifact, FileEntry, Manifest
from numbre_runtime.npz import write_npz

_log = logging.getLogger(__name__)
REPORT = "report.html"
GOLDEN_PER_CLASS = 4
_GOLDEN_ROWS = 200


@dataclass(frozen=True)
class ModelFile:
    """A converted model, not written yet."""

    variant: Variant
    """How it was made."""
    content: bytes
    """The file."""
    calibration_rows: int = 0
    """Rows that it was calibrated with; 0 where it needs none."""


def write_bundle(
    target: Path,
    frame: Frame,
    files: list[ModelFile],
    with_test_data: bool,
    explanation: Sequence[LayerNoise] = (),
    climbs: Sequence[Climb] = (),
) -> Manifest:
    """Writes a bundle all or nothing; what is there already stays untouched unless everything passes.

    Args:
        target: The bundle's directory.
        frame: See `Frame`.
        files: The converted models, the recommended one first.
        with_test_data: Whether the test rows travel with the bundle.
        explanation: What `explain` found, for the report.
        climbs: How the ladder was climbed, for the report.

    Raises:
        ParityError: A file misses its bounds.
        ModelError: A file is not what its name says.
        OutputError: It cannot be written.
    """
    test = frame.test
    with replacing_directory(target, foreign_file) as staging:
        artifacts, runs = [], []
        for file in files:
            path = staging / file.variant.file
            write_atomic(path, frame.described(file.content, file.variant))
            artifact, own = frame.run(path, file.variant)
            for line in _lines(artifact, file):
                _log.info(line)
            enforce(artifact, test.accuracy, frame.gate)
            artifacts.append(artifact)
            runs += own
        contents = {artifact.file: (staging / artifact.file).read_bytes() for artifact in artifacts}
        manifest = frame.manifest(artifacts)
        schemes = {file.variant.file: _scheme(file) for file in files}
        findings = Findings(schemes, agreement_matrix(runs, test), runs, test, tuple(explanation), tuple(climbs))
        others = {
            GOLDEN: _golden(Bundle(staging, manifest, contents), test),
            REPORT: report_html(manifest, findings),
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


def _scheme(file: ModelFile) -> str:
    calibrated = f"calibrated on {file.calibration_rows} rows" if file.calibration_rows else "no calibration data"
    return f"{scheme(file.variant)}; {calibrated}"


def _lines(artifact: Artifact, file: ModelFile) -> list[str]:
    """One line on what the file is, one a backend on what it does."""
    dtypes = f"{artifact.input.dtype} in, {artifact.output.dtype} out"
    lines = [f"{artifact.file} ({artifact.bytes / 1000:.1f} kB): {_scheme(file)}; {dtypes}"]
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
        load_bundle(bundle, artifact=artifact.file, tried=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
