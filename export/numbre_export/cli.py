"""`numbre-export --int8`: a Keras model in, a verified bundle out."""

from __future__ import annotations

import argparse
import dataclasses
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.bundle.staging import exclusive, refuse_foreign
from numbre_export.bundle.write import ModelFile, write_bundle
from numbre_export.convert.converter import Converter, SourceModel
from numbre_export.convert.recipe import FORMATS, Recipe, unavailable, wanted
from numbre_export.data.datasets import ExportData, Rows, Wanted, labels_beside, load_data
from numbre_export.data.hygiene import rows_digest
from numbre_export.options import parser, precisions
from numbre_export.verify.explain import EXPLAINED_ROWS, LayerNoise, explain
from numbre_export.verify.frame import Frame
from numbre_export.verify.gate import Gate, ParityError, TestSet
from numbre_export.verify.ladder import Climb, climb
from numbre_export.verify.targets import Target, parse_target, reasons_against
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import read_bundle
from numbre_runtime.cli.common import EXIT_OK, run_command
from numbre_runtime.cli.progress import progress_shown
from numbre_runtime.errors import DataError, ModelError
from numbre_runtime.tensors import softmax
from numbre_train.data.abstention import ABSTENTION_FILE, Abstention, read_abstention


def run(args: argparse.Namespace) -> int:
    """Converts, measures, checks and writes; or only checks a bundle against targets."""
    targets = [parse_target(text) for text in args.target]
    if args.check is not None:
        return _check(args.check, targets)
    chosen = precisions(args)
    formats = _formats(args.format)
    if not args.model.exists():
        raise ModelError(f"{args.model}: no such file; numbre-train makes one")
    refuse_foreign(args.out)
    with exclusive(args.out) as directory, Converter(directory) as converter:
        return _Export(args, converter, directory, targets).run(chosen, formats)


def _formats(text: str) -> tuple[str, ...]:
    formats = tuple(part.strip() for part in text.split(","))
    if not set(formats) <= set(FORMATS) or not formats:
        raise DataError(f"--format {text}: expected {' or '.join(FORMATS)}, or both with a comma between")
    return formats


class _Export:
    """One run of the command."""

    def __init__(self, args: argparse.Namespace, converter: Converter, directory: Path, targets: list[Target]) -> None:
        self._args = args
        self._converter = converter
        self._directory = directory
        self._targets = targets
        self._source: SourceModel = converter.open(args.model)
        self._abstention = _abstention(args)
        self._labels: Path | None = args.labels or labels_beside(args.model, self._abstention.none_label)
        self._data: ExportData = load_data(_wanted(args, self._labels, self._abstention), self._source)
        self._frame = self._judged_by()
        self._calibrations: dict[int, NDArray[np.float32]] = {}
        self._explained: list[LayerNoise] | None = None

    def run(self, chosen: tuple[str, ...], formats: tuple[str, ...]) -> int:
        """Does it all; returns the exit code."""
        args, frame = self._args, self._frame
        if self._labels != args.labels:
            _say(f"{self._labels} names the classes")
        _say(f"{args.model}: accuracy {frame.test.accuracy:.2%} on {len(frame.test.labels):,} test rows")
        _remark(chosen, formats, args, frame)
        granularity = "tensor" if args.per_tensor else args.granularity
        recipes = wanted(chosen, formats, args.io, granularity, self._source.convolutional)
        climbs: list[Climb] = []
        files: list[ModelFile] = []
        if any(recipe.calibrated for recipe in recipes):
            _say(f"converting with {len(self._calibration(args.calibration_rows))} calibration rows …")
        for recipe in recipes:
            if args.auto and recipe.precision == "int8":
                climbs.append(self._climb(recipe))
                files.append(_top(climbs[-1], recipe))
            else:
                files.append(self._file(recipe))
        if climbs:
            frame.provenance["ladder"] = {
                "chosen_on": climbs[0].chosen_on,
                "chosen_on_sha256": rows_digest(self._data.validation.inputs),
                **{item.recipe.file: [rung.note() for rung in item.rungs] for item in climbs if item.recipe},
            }
        explanation = self._explain() if args.explain else ()
        for line in _explanation_lines(explanation):
            _say(line)
        with quiet_engine():
            write_bundle(args.out, frame, files, args.with_test_data, _say, explanation, climbs)
        _say(f"every file is within its bounds; written to {args.out}/")
        return EXIT_OK

    def _judged_by(self) -> Frame:
        args, data = self._args, self._data
        test, shares = self._test_set(data.test)
        # How many borderline rows there are depends on the data; what NUMBRE keeps on MNIST binds nobody else.
        agreement = args.min_agreement if args.min_agreement is not None or data.name == "MNIST" else 0.0
        return Frame(
            self._source.name,
            data.spec,
            data.labels,
            "softmax" if shares else "logits",
            test,
            Gate(args.max_drop, args.max_class_drop, agreement),
            _provenance(args, self._source, data),
            self._abstention,
        )

    def _test_set(self, rows: Rows) -> tuple[TestSet, bool]:
        """The rows with what Keras says of them, and whether it gives shares and no logits."""
        raw = self._converter.scores(self._data.network_values(rows.inputs))
        if not np.isfinite(raw).all():
            raise ModelError(f"{self._args.model}: gives NaN or infinity on the test rows; train it again")
        shares = bool((raw >= 0).all()) and bool(np.allclose(raw.sum(axis=1), 1, atol=1e-3))
        return TestSet(rows.inputs, rows.labels, raw if shares else softmax(raw)), shares

    def _calibration(self, rows: int) -> NDArray[np.float32]:
        if rows not in self._calibrations:
            self._calibrations[rows] = self._data.calibration(rows)
        return self._calibrations[rows]

    def _convert(self, recipe: Recipe, calibration: NDArray[np.float32]) -> bytes:
        """Makes a file that every target of its format runs."""
        content = self._converter.convert(recipe, calibration)
        reason = self._objection(recipe, content)
        if reason is not None:
            raise ModelError(f"{recipe.file}: {reason}")
        return content

    def _objection(self, recipe: Recipe, content: bytes) -> str | None:
        """Which target does not run a file, and why; None if all do."""
        for target in self._targets:
            reasons = reasons_against(content, recipe.format, target) if target.format == recipe.format else []
            if reasons:
                return f"{target} does not run it: it {reasons[0]}"
        return None

    def _file(self, recipe: Recipe) -> ModelFile:
        rows = self._calibration(self._args.calibration_rows) if recipe.calibrated else np.zeros((0,), np.float32)
        if recipe.format == "tflite" and recipe.granularity == "channel" and self._targets:
            reason = self._objection(recipe, self._converter.convert(recipe, rows))
            if reason is not None:
                _say(f"{recipe.file}: {reason}; made with one weight scale a tensor in dense layers instead")
                recipe = dataclasses.replace(recipe, granularity="default")
        return ModelFile(recipe, self._convert(recipe, rows), len(rows))

    def _climb(self, recipe: Recipe) -> Climb:
        chosen_on = dataclasses.replace(self._frame, test=self._test_set(self._data.validation)[0])
        result = climb(
            recipe,
            self._args.calibration_rows,
            self._data,
            self._convert,
            lambda rung, content: chosen_on.judge(self._directory, rung, content),
            self._explain,
            _say,
        )
        if result.recipe is None:
            raise ParityError(f"{recipe.file}: no rung of the ladder keeps the bounds; see the lines above")
        return result

    def _explain(self) -> list[LayerNoise]:
        if self._explained is None:
            rows = self._calibration(self._args.calibration_rows)
            float32, int8 = (
                self._converter.convert(Recipe(precision, "tflite"), rows) for precision in ("float32", "int8")
            )
            real = self._data.network_values(self._data.validation.inputs[:EXPLAINED_ROWS])
            self._explained = explain(float32, int8, rows, real, self._source.layers)
        return self._explained


def _top(climb_result: Climb, recipe: Recipe) -> ModelFile:
    chosen = climb_result.recipe or recipe
    return ModelFile(chosen, climb_result.content, climb_result.rungs[-1].rows)


def _abstention(args: argparse.Namespace) -> Abstention:
    """What the options say, else what the training left beside the model."""
    beside = args.model.with_name(ABSTENTION_FILE)
    found = read_abstention(beside) if beside.exists() else Abstention()
    return Abstention(
        found.none_label if args.none_label is None else args.none_label,
        found.threshold if args.threshold is None else args.threshold,
    )


def _wanted(args: argparse.Namespace, labels: Path | None, abstention: Abstention) -> Wanted:
    return Wanted(
        args.data,
        args.calibration,
        args.test,
        labels,
        args.preprocess,
        args.calibration_rows,
        args.allow_overlap,
        abstention.none_label,
    )


def _remark(chosen: tuple[str, ...], formats: tuple[str, ...], args: argparse.Namespace, frame: Frame) -> None:
    """Says what the user should know before the results."""
    for precision in chosen:
        for format_name in formats:
            reason = unavailable(precision, format_name)
            if reason is not None:
                _say(f"no {precision} {format_name} file: {reason}")
    if args.io in ("int8", "uint8") and "int16x8" in chosen:
        ends = {"tflite": "int16", "onnx": "float32"}
        taken = ", ".join(f"{ends[name]} in {name} files" for name in formats)
        _say(f"no int16x8 file with --io {args.io}: its activations have 16 bits; it takes and gives {taken}")
    counts = np.bincount(frame.test.labels, minlength=len(frame.labels))
    if frame.test.accuracy <= counts.max() / counts.sum():
        _say("the Keras model is no better than always naming the largest class: is --preprocess right, and the order")
        _say(f"of the classes ({', '.join(frame.labels[:4])}, …), which --labels decides?")


def _explanation_lines(layers: Sequence[LayerNoise]) -> list[str]:
    if not layers:
        return []
    heads = f"{'layer':24} {'operator':18} {'alone dB':>9} {'changed':>8} {'up to here dB':>14} {'error':>7}"
    lines = ["which layer costs the accuracy, worst first:", heads]
    for item in layers:
        here = "–" if item.up_to_here is None else f"{item.up_to_here:.1f}"
        error = "–" if item.error is None else f"{item.error:.1%}"
        lines.append(
            f"{item.layer[:24]:24} {item.operator.lower()[:18]:18} {item.alone:9.1f} {item.changed:8} {here:>14} "
            f"{error:>7}"
        )
    lines.append(f"the ladder (--auto) would keep {layers[0].layer} in int16 or float32 first")
    return lines


def _check(path: Path, targets: list[Target]) -> int:
    """Says of every artifact of a bundle and every target whether it runs."""
    if not targets:
        raise DataError("--check needs a --target, such as --target tflite-runtime==2.14")
    bundle = read_bundle(path)
    code = EXIT_OK
    for target in targets:
        for artifact in bundle.manifest.artifacts:
            if artifact.format != target.format:
                continue
            reasons = reasons_against(bundle.contents[artifact.file], artifact.format, target)
            verdict = "runs" if not reasons else f"does not run: it {'; it '.join(reasons)}"
            _say(f"{artifact.file} with {target}: {verdict}")
            if reasons:
                code = ParityError.exit_code
    return code


def _say(line: str) -> None:
    print(line, flush=True)


def _provenance(args: argparse.Namespace, source: SourceModel, data: ExportData) -> dict[str, Any]:
    tools = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "ai-edge-quantizer", "numpy")
    return {
        "model": {"file": source.file, "sha256": source.sha256},
        **data.provenance(args.calibration_rows),
        "gate": {
            "max_drop": args.max_drop,
            "max_class_drop": args.max_class_drop,
            "min_agreement": args.min_agreement,
        },
        "tools": {
            "python": platform.python_version(),
            **{tool: version(tool) for tool in (*tools, "numbre")},
        },
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    with progress_shown("numbre_export", "numbre_train"):
        return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
