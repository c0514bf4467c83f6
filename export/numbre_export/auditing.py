"""Audits integer files that exist already: `audit`, the Python API behind `numbre-check FLOAT INT8`."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numbre_export.bundle.flips import FLIPS_STYLE, flips_html
from numbre_export.convert.converter import Converter
from numbre_export.convert.file_facts import onnx_facts, tflite_facts
from numbre_export.data.datasets import DataOptions, load_data
from numbre_export.verify.explain import LayerRange, layer_ranges
from numbre_export.verify.gate import Gate, Run, TestSet, measure, noise, run_artifact
from numbre_export.verify.verdict import CANNOT_TELL, FAIL, PASS, FileAnswers, Judged, judge, power
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import ModelError
from numbre_runtime.files import read_limited
from numbre_runtime.html_kit import heading, page, paragraph, table
from numbre_runtime.manifest import SCHEMA, Artifact, InputSpec, Manifest, Measurement
from numbre_runtime.tensors import softmax
from numbre_train.data.parts import in_mnist_form

_FILE_LIMIT = 256 << 20
_EXPLAINED_ROWS = 200


@dataclass(frozen=True)
class Audit:
    """How an integer file compares with its float file on real rows."""

    file: str
    """The integer file's name."""
    reference: str
    """The float file's name."""
    measured: tuple[Measurement, ...]
    """The figures with each backend."""
    judged: tuple[Judged, ...]
    """The gate's verdict with each backend."""
    layers: tuple[LayerRange, ...]
    """The layers' noise, worst first; empty unless both are TFLite files with the same tensors."""
    power: str
    """What the rows could show, in a sentence."""
    html: bytes
    """The report as a page."""

    @property
    def verdict(self) -> str:
        """The worst verdict of its backends: "pass", "cannot tell" or "fail"."""
        found = {item.verdict for item in self.judged}
        return next((verdict for verdict in (FAIL, CANNOT_TELL) if verdict in found), PASS)

    def lines(self) -> list[str]:
        """The result in lines of text, the verdict first."""
        ships = {PASS: "may ship", CANNOT_TELL: "cannot be judged by so few rows", FAIL: "must not ship"}[self.verdict]
        lines = [f"{self.file} {ships}, beside {self.reference}: {self.verdict}"]
        for item, judged in zip(self.measured, self.judged, strict=True):
            drop = -(item.worst_class_drop or 0) * 100
            lines.append(
                f"  {item.backend}: accuracy {item.accuracy:.2%}, agrees on {item.agreement:.2%} of {item.images:,} "
                f"rows ({noise(item)}), worst class '{item.worst_class}' {drop:+.2f} points"
            )
            lines += [f"  {reason}" for reason in judged.reasons]
        if self.verdict != PASS:
            lines += [f"  {item}" for item in self.layers[:3]]
        return [*lines, f"  {self.power}"]

    def to_json(self) -> dict[str, Any]:
        """The result for other programs."""
        return {
            "file": self.file,
            "reference": self.reference,
            "verdict": self.verdict,
            "backends": [
                {**item._asdict(), "verdict": judged.verdict, "reasons": list(judged.reasons)}
                for item, judged in zip(self.measured, self.judged, strict=True)
            ],
            "layers": [asdict(item) for item in self.layers],
            "power": self.power,
        }


def audit(
    reference: str | os.PathLike[str],
    candidate: str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    gate: Gate | None = None,
    labels: str | os.PathLike[str] | None = None,
    preprocess: str | None = None,
) -> Audit:
    """Compares an integer .tflite or .onnx file with the float file that it was made of, on labelled rows.

    Args:
        reference: The float .tflite, .onnx, .keras or .h5 file.
        candidate: The integer file.
        data: Labelled rows as `export_model` takes them; all are used, or the test part of a data set that has one.
        gate: The bounds; None is `Gate()` without a bound on the agreement.
        labels: A text file with one class name a line.
        preprocess: See `export_model`.

    Example:
        >>> import numbre_export
        >>> bundle = "runtime/numbre_runtime/models/numbre-int8"
        >>> files = f"{bundle}/model.float32.tflite", f"{bundle}/model.int8.tflite"
        >>> from numbre_train.data import load_mnist
        >>> import numpy as np, tempfile
        >>> mnist = load_mnist()
        >>> with tempfile.NamedTemporaryFile(suffix=".npz") as rows:
        ...     np.savez(rows, x=mnist.test_images[:3000], y=mnist.test_labels[:3000])
        ...     numbre_export.audit(*files, rows.name, preprocess="unit").verdict
        'pass'

    Raises:
        ModelError: A file cannot be read, or the two do not take and give the same.
        DataError: The rows do not fit.
        BackendError: No backend runs the integer file.
    """
    path, rows = Path(candidate), Path(data)
    content = read_limited(path, _FILE_LIMIT, ModelError)
    whole = not (in_mnist_form(rows) or (rows / "train").is_dir())
    options = DataOptions(
        None if whole else rows,
        rows if whole else None,
        rows if whole else None,
        None if labels is None else Path(labels),
        preprocess,
        500,
        allow_overlap=True,
    )
    with tempfile.TemporaryDirectory() as directory, Converter(Path(directory)) as converter:
        source = converter.open(Path(reference))
        found = load_data(options, source)
        values = found.network_values(found.test.inputs)
        raw = converter.scores(values)
    shares = bool((raw >= 0).all()) and bool(np.allclose(raw.sum(axis=1), 1, atol=1e-3))
    output = "softmax" if shares else "sigmoid" if source.independent else "logits"
    test = TestSet(found.test.inputs, found.test.labels, softmax(raw) if output == "logits" else raw)
    with quiet_engine():
        runs = _runs(path, content, found.spec, found.labels, output, test)
    measured = [measure(run, test, found.labels) for run in runs]
    bounds = gate or Gate(min_agreement=0.0)
    cases = [FileAnswers("int8", run, item) for run, item in zip(runs, measured, strict=True)]
    judged = tuple(judge(cases, test, found.labels, bounds))
    layers: tuple[LayerRange, ...] = ()
    if path.suffix == Path(reference).suffix == ".tflite":
        float32 = read_limited(Path(reference), _FILE_LIMIT, ModelError)
        flipped = np.flatnonzero(runs[0].answers != test.answers)
        others = np.setdiff1d(np.arange(len(values)), flipped)
        layers = tuple(layer_ranges(float32, content, values[[*flipped, *others][:_EXPLAINED_ROWS]]))
    result = Audit(path.name, source.file, tuple(measured), judged, layers, power(test), b"")
    return Audit(**{**result.__dict__, "html": _report(result, runs, test, found.spec, found.labels)})


def _runs(
    path: Path, content: bytes, spec: InputSpec, labels: tuple[str, ...], output: str, test: TestSet
) -> list[Run]:
    """The integer file's answers with every backend."""
    form = path.suffix.removeprefix(".")
    if form not in ("tflite", "onnx"):
        raise ModelError(f"{path}: expected a .tflite or .onnx file to audit")
    facts = (tflite_facts if form == "tflite" else onnx_facts)(content)
    artifact = Artifact(
        path.name,
        hashlib.sha256(content).hexdigest(),
        len(content),
        form,
        "mixed" if facts.not_int8 else "int8",
        facts.input,
        facts.output,
        facts.requires,
        (),
    )
    manifest = Manifest(SCHEMA, path.stem, labels, spec, (artifact,), (), test.accuracy, {}, output)
    return run_artifact(Bundle(path.parent, manifest, {path.name: content}), artifact, test.images)


def _report(result: Audit, runs: list[Run], test: TestSet, spec: InputSpec, labels: tuple[str, ...]) -> bytes:
    parts = [paragraph(line.strip()) for line in result.lines()]
    if result.layers:
        rows = [(item.layer, f"{item.decibels:.1f}", f"{item.clipped:.2%}", item.cause) for item in result.layers]
        parts += [
            heading("The layers, the noisiest first"),
            table(("layer", "signal over noise, dB", "values cut off", "cause"), rows, text=True),
        ]
    parts += [heading("The flipped rows"), flips_html(runs[0], test, spec, labels)]
    return page(f"{result.file}: {result.verdict}", parts, FLIPS_STYLE)
