"""Writing a bundle: every file, what the runtime measured on it, the golden vectors, the report, the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.bundle.report import REPORT_TITLE, Findings, report_html
from numbre_export.bundle.staging import foreign_file
from numbre_export.c.bundled import bundled_library
from numbre_export.verify.explain import LayerNoise
from numbre_export.verify.frame import Frame
from numbre_export.verify.gate import TestSet
from numbre_export.verify.ladder import Climb
from numbre_export.verify.matrix import agreement_matrix
from numbre_export.verify.outcome import MadeFile, Outcome
from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import GOLDEN, MANIFEST, TEST_DATA, Bundle, read_bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.directories import replacing_directory
from numbre_runtime.drift import baseline
from numbre_runtime.files import write_atomic
from numbre_runtime.loading import load_bundle
from numbre_runtime.manifest import FileEntry, Manifest
from numbre_runtime.npz import write_npz

REPORT = "report.html"
GOLDEN_PER_CLASS = 4
_GOLDEN_ROWS = 200


def write_bundle(
    target: Path,
    frame: Frame,
    outcomes: Sequence[Outcome],
    with_test_data: bool,
    explanation: Sequence[LayerNoise] = (),
    climbs: Sequence[Climb] = (),
    c_prefix: str | None = None,
) -> Manifest:
    """Writes a bundle all or nothing; an earlier one stays as it was unless everything can be written.

    Args:
        target: The bundle's directory.
        frame: See `Frame`.
        outcomes: What was asked for, the recommended file first; those that do not ship are only reported.
        with_test_data: Whether the test rows travel with the bundle.
        explanation: What `explain_layers` found, for the report.
        climbs: How the ladder was climbed, for the report.
        c_prefix: What the C library's names begin with; None writes none.

    Raises:
        BackendUnsupportedError: The int8 TFLite file has what the C library does not compute.
        BundleError: A C library is wanted, and no int8 TFLite file ships.
        OutputError: It cannot be written.
    """
    test = frame.test
    shipped = [(item.made, item.verdict) for item in outcomes if item.made is not None and item.ships]
    artifacts = [made.artifact._replace(verdict=verdict) for made, verdict in shipped]
    runs = [run for made, _ in shipped for run in made.runs]
    with replacing_directory(target, foreign_file) as staging:
        contents = {made.artifact.file: made.content for made, _ in shipped}
        manifest = frame.manifest(artifacts)
        others = {
            GOLDEN: _golden(Bundle(staging, manifest, contents), test),
            REPORT: _report(frame, [made for made, _ in shipped], outcomes, explanation, climbs, ships=True),
        }
        if with_test_data:
            labels = _small(test.labels, len(frame.labels))
            others[TEST_DATA] = write_npz(
                images=test.images, labels=labels, answers=_small(test.answers, len(frame.labels))
            )
        library = None
        if c_prefix is not None:
            library, sources = bundled_library(manifest, contents, c_prefix)
            others |= sources
        for name, content in (contents | others).items():
            write_atomic(staging / name, content)
        entries = [FileEntry(name, _digest(content), len(content)) for name, content in others.items()]
        answers = baseline(test.images, runs[0].scores, manifest)
        manifest = frame.manifest(artifacts, entries)._replace(c=library, baseline=answers)
        write_atomic(staging / MANIFEST, manifest.to_json())
        _check_bundle(staging)
    return manifest


def missed_report(target: Path) -> Path:
    """Where the report goes of an export that missed its bounds: beside the bundle, which stays as it was."""
    return target.with_name(f"{target.name}-missed.html")


def write_missed_report(
    target: Path,
    frame: Frame,
    outcomes: Sequence[Outcome],
    explanation: Sequence[LayerNoise],
    climbs: Sequence[Climb],
) -> None:
    """Writes the report of an export of which nothing ships; the arguments are those of `write_bundle`.

    Raises:
        OutputError: It cannot be written.
    """
    made = [item.made for item in outcomes if item.made is not None]
    write_atomic(missed_report(target), _report(frame, made, outcomes, explanation, climbs, ships=False))


def remove_missed_report(target: Path) -> None:
    """Removes the report of an earlier export that missed its bounds, if there is one."""
    path = missed_report(target)
    if path.is_file() and REPORT_TITLE.encode() in path.read_bytes():
        path.unlink()


def _report(
    frame: Frame,
    files: Sequence[MadeFile],
    outcomes: Sequence[Outcome],
    explanation: Sequence[LayerNoise],
    climbs: Sequence[Climb],
    ships: bool,
) -> bytes:
    """The report on these files, the recommended one first."""
    verdicts = {item.file: item.verdict for item in outcomes}
    manifest = frame.manifest([made.artifact._replace(verdict=verdicts[made.artifact.file]) for made in files])
    runs = [run for made in files for run in made.runs]
    findings = Findings(
        {made.artifact.file: made.scheme for made in files},
        agreement_matrix(runs, frame.test),
        runs,
        frame.test,
        tuple(explanation),
        tuple(climbs),
        tuple(outcomes),
        ships,
    )
    return report_html(manifest, findings)


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
