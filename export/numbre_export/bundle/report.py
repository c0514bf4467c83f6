"""The export's measurements as one HTML page that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numbre_export.bundle.flips import FLIPS_STYLE, flips_html
from numbre_export.verify.explain import LayerNoise
from numbre_export.verify.gate import Run, TestSet, noise
from numbre_export.verify.ladder import Climb
from numbre_export.verify.matrix import Matrix
from numbre_export.verify.outcome import Outcome
from numbre_export.verify.verdict import CANNOT_TELL, FAIL, PASS, power
from numbre_runtime.html_kit import bars, heading, page, paragraph, table
from numbre_runtime.manifest import Manifest

REPORT_TITLE = "export report"
_IN_WORDS = {PASS: "passed", CANNOT_TELL: "cannot tell", FAIL: "failed"}


@dataclass(frozen=True)
class Findings:
    """The content of the report that is not in the manifest."""

    schemes: dict[str, str]
    """File name to what it is, in words."""
    matrix: Matrix
    """Who agrees with whom."""
    runs: Sequence[Run]
    """The answers of each file."""
    test: TestSet
    """The test rows with the Keras model's scores."""
    explanation: tuple[LayerNoise, ...]
    """Layer by layer, worst first; empty where it was not asked for."""
    climbs: tuple[Climb, ...]
    """The ladder, a format each; empty where it was not asked for."""
    outcomes: tuple[Outcome, ...]
    """What was asked for, and what became of it."""
    ships: bool
    """Whether a bundle is written; False reports on an export that missed its bounds."""


def report_html(manifest: Manifest, findings: Findings) -> bytes:
    """The report as a self-contained HTML page, UTF-8."""
    images = manifest.artifacts[0].measured[0].images
    parts = (
        *_verdict(manifest, findings),
        heading("The measurements"),
        paragraph(
            f"Each file was run from disk by the runtime on {images:,} test rows. The Keras model gets "
            f"{manifest.keras_accuracy:.2%} of them right; agreement is the share of rows on which a file and Keras "
            "give the same answer."
        ),
        _measured(manifest),
        heading("Is the change more than noise?"),
        paragraph(
            "Flips are rows that Keras gets right and the file wrong (worse) or the other way round (better); p is "
            "McNemar's exact test on them."
        ),
        _paired(manifest),
        *_ladders(findings.climbs),
        *_explanation(findings.explanation),
        heading("Who agrees with whom"),
        paragraph(
            "Rows with different answers / largest difference of any score, in integer steps where both give integers "
            "of one scale."
        ),
        _matrix(findings.matrix),
        heading("The flipped rows"),
        *_flips(manifest, findings),
        heading("What each file is, takes and gives"),
        table(
            ("file", "scheme", "input", "output", "operator versions, opset and IR"),
            _tensors(manifest, findings.schemes),
            text=True,
        ),
        heading("SHA-256"),
        table(("file", "digest"), [(item.file, item.sha256) for item in manifest.artifacts], text=True),
        heading("Where it comes from"),
        table(("what", "value"), list(_flat(manifest.provenance)), text=True),
    )
    return page(f"{manifest.name}: {REPORT_TITLE}", parts, FLIPS_STYLE)


def _verdict(manifest: Manifest, findings: Findings) -> list[str]:
    """The file to ship and why, in a sentence, every file's verdict, and a picture of accuracy and size."""
    first = manifest.artifacts[0]
    worst = min(first.measured, key=lambda item: item.accuracy)
    change = (worst.accuracy - manifest.keras_accuracy) * 100
    proven = "It passed: it is within its bounds." if first.verdict == PASS else "There are too few test rows to tell."
    sentence = (
        f"Ship {first.file}: {first.bytes / 1000:.1f} kB, {worst.accuracy:.2%} of the test rows right ({change:+.2f} "
        f"points against Keras). {proven} {power(findings.test)}."
        if findings.ships
        else f"Nothing ships: what was asked for missed its bounds. {power(findings.test)}."
    )
    rows = [
        (
            item.file,
            item.asked.precision,
            item.asked.format,
            _IN_WORDS.get(item.verdict, item.verdict),
            "; ".join(item.findings()) or "as asked",
        )
        for item in findings.outcomes
    ]
    accuracies = [
        (item.file, min(measure.accuracy for measure in item.measured), f"{item.measured[0].accuracy:.2%}")
        for item in manifest.artifacts
    ]
    sizes = [(item.file, float(item.bytes), f"{item.bytes / 1000:.1f} kB") for item in manifest.artifacts]
    return [
        paragraph(sentence),
        heading("Accuracy on the test rows", 3),
        bars(accuracies, "accuracy of each file"),
        heading("Size", 3),
        bars(sizes, "size of each file"),
        heading("What was asked for"),
        table(("file", "precision", "format", "verdict", "why"), rows, text=True),
        heading("The bounds that were applied"),
        table(
            ("bound", "value"),
            list(_flat(manifest.provenance["gate"])),
            text=True,
        ),
    ]


def _measured(manifest: Manifest) -> str:
    rows = [
        (
            item.file,
            measure.backend,
            f"{item.bytes / 1000:.1f}",
            f"{measure.accuracy:.2%}",
            f"{measure.interval[0]:.2%}–{measure.interval[1]:.2%}" if measure.interval else "",
            f"{(measure.accuracy - manifest.keras_accuracy) * 100:+.2f}",
            f"{measure.agreement:.2%}",
            f"{measure.largest_difference:.1e}",
            f"{measure.log_loss:.4f}",
            f"{(measure.calibration_error or 0) * 100:.2f}",
        )
        for item in manifest.artifacts
        for measure in item.measured
    ]
    heads = (
        "file",
        "backend",
        "kB",
        "accuracy",
        "95% interval",
        "against Keras, points",
        "agreement",
        "largest score difference",
        "log loss",
        "calibration error, points",
    )
    return table(heads, rows)


def _paired(manifest: Manifest) -> str:
    rows = [
        (
            item.file,
            measure.backend,
            noise(measure),
            f"{measure.worst_class}: {-(measure.worst_class_drop or 0) * 100:+.2f} points",
        )
        for item in manifest.artifacts
        for measure in item.measured
    ]
    return table(("file", "backend", "paired test", "worst class by recall"), rows, text=True)


def _ladders(climbs: Sequence[Climb]) -> list[str]:
    parts: list[str] = []
    for climb in climbs:
        rows = []
        for number, rung in enumerate(climb.rungs, 1):
            item = rung.measured
            figures = ("–", "–", "–")
            if item is not None:
                figures = (
                    f"{item.accuracy:.2%}",
                    f"{item.agreement:.2%}",
                    f"{item.worst_class}: {-(item.worst_class_drop or 0) * 100:+.2f}",
                )
            verdict = "passes" if rung.passed else "; ".join(rung.missed)
            rows.append((str(number), rung.what, str(rung.rows), *figures, verdict))
        heads = ("rung", "what", "rows", "accuracy", "agreement", "worst class, points", "gate")
        if not parts:
            chosen = f"Chosen on {climb.chosen_on}; the test rows judge the chosen file alone."
            parts += [heading("The ladder"), paragraph(chosen)]
        parts += [
            heading(climb.variant.file if climb.variant else "nothing passed", 3),
            table(heads, rows, text=True),
        ]
    return parts


def _explanation(layers: Sequence[LayerNoise]) -> list[str]:
    if not layers:
        return []
    rows = [
        (
            item.layer,
            item.operator.lower(),
            f"{item.alone:.1f}",
            str(item.changed),
            "–" if item.up_to_here is None else f"{item.up_to_here:.1f}",
            "–" if item.error is None else f"{item.error:.2%}",
        )
        for item in layers
    ]
    heads = (
        "layer",
        "operator",
        "alone: signal over noise of the scores, dB",
        "alone: answers changed",
        "up to here: signal over noise, dB",
        "up to here: relative error",
    )
    return [
        heading("Which layer costs the accuracy"),
        paragraph(
            "Worst first, on rows that were neither calibrated with nor tested on. Alone: only this layer is int8, all "
            "others are float32. Up to here: this layer's output in the int8 file against the float32 file's. The "
            f"ladder (--auto) would keep {layers[0].layer} in int16 or float32 first."
        ),
        _bars(layers),
        table(heads, rows),
    ]


def _bars(layers: Sequence[LayerNoise]) -> str:
    """The noise of each layer alone as bars: the longer, the worse."""
    longest = max(item.alone for item in layers) + 3
    values = [(item.layer, longest - item.alone, f"{item.alone:.1f} dB") for item in layers]
    return bars(values, "noise of each layer alone") + paragraph("A longer bar is more noise (a lower ratio).", True)


def _matrix(matrix: Matrix) -> str:
    size = len(matrix.names)
    rows = []
    for row in range(size):
        cells = [
            "" if column == row else str(matrix.pairs[min(row, column), max(row, column)]) for column in range(size)
        ]
        rows.append((f"{row + 1}. {matrix.names[row]}", *cells))
    return table(("", *(str(number + 1) for number in range(size))), rows)


def _flips(manifest: Manifest, findings: Findings) -> list[str]:
    parts: list[str] = []
    for run in findings.runs:
        parts += [
            heading(f"{run.artifact.file}, {run.backend}", 3),
            flips_html(run, findings.test, manifest.input, manifest.labels),
        ]
    return parts


def _tensors(manifest: Manifest, schemes: dict[str, str]) -> list[tuple[str, ...]]:
    return [
        (
            item.file,
            schemes[item.file],
            _tensor(item.input.dtype, item.input.scale, item.input.zero_point),
            _tensor(item.output.dtype, item.output.scale, item.output.zero_point),
            ", ".join(f"{name} {version}" for name, version in item.requires.items()),
        )
        for item in manifest.artifacts
    ]


def _tensor(dtype: str, scale: float, zero_point: int) -> str:
    return dtype if dtype == "float32" else f"{dtype}, scale {scale:.6g}, zero point {zero_point}"


def _flat(value: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested notes as (dotted name, text) pairs; long lists are counted."""
    pairs: list[tuple[str, str]] = []
    for key, item in value.items():
        name = f"{above}{key}"
        if isinstance(item, dict):
            pairs += _flat(item, f"{name}.")
        elif isinstance(item, list) and len(item) > 12:
            pairs.append((name, f"{len(item)} entries, listed in manifest.json"))
        else:
            pairs.append((name, str(item)))
    return pairs
