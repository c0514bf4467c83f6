"""From a Keras model to a verified bundle: `export_model`, the Python API behind numbre-export.

The way runs downwards: the model is read and converted (`convert`), on rows that are read and checked (`data`), every
file is measured through the runtime (`verify`), and what passes becomes a bundle (`bundle`).
"""

from __future__ import annotations

import dataclasses
import logging
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_export.bundle.staging import exclusive, foreign_file
from numbre_export.bundle.write import missed_report, remove_missed_report, write_bundle, write_missed_report
from numbre_export.c.library import refuse_foreign_library, write_bundle_library
from numbre_export.c.literals import identifier
from numbre_export.convert.arrays import write_content
from numbre_export.convert.converter import Converter, SourceModel, UploadedRows
from numbre_export.convert.float_file import SUFFIXES
from numbre_export.convert.variant import FORMATS, GRANULARITIES, IO_DTYPES, Variant, unavailable, variants
from numbre_export.data.datasets import CALIBRATION_ROWS, DataOptions, ExportData, Samples, labels_beside, load_data
from numbre_export.data.hygiene import rows_digest
from numbre_export.html.offline_page import refuse_other_file, write_offline_page
from numbre_export.verify.explain import EXPLAINED_ROWS, LayerNoise, explain_layers, explanation_lines
from numbre_export.verify.frame import Frame, settled
from numbre_export.verify.gate import Gate, ParityError, TestSet, accepting
from numbre_export.verify.ladder import Climb, climb
from numbre_export.verify.outcome import NOT_MADE, MadeFile, Outcome
from numbre_export.verify.targets import Target, parse_target, reasons_against
from numbre_export.verify.verdict import CANNOT_TELL, FAIL, PASS, FileAnswers, judge, power
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import read_bundle
from numbre_runtime.errors import BackendError, DataError, ModelError, OutputError
from numbre_runtime.files import check_output
from numbre_runtime.manifest import PRECISIONS, Manifest
from numbre_runtime.tensors import softmax
from numbre_train.data.abstention import ABSTENTION_FILE, Abstention, read_abstention

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)
_TOOLS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "ai-edge-quantizer", "numpy")


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote and measured."""

    path: Path
    """The bundle's directory."""
    manifest: Manifest
    """What the bundle says of itself: every file and its measurements."""
    outcomes: tuple[Outcome, ...]
    """Each format and precision that was asked for: the file and its verdict, or why it was not made."""
    explanation: tuple[LayerNoise, ...]
    """The noise of each layer, worst first; empty unless `explain` was asked for."""
    climbs: tuple[Climb, ...]
    """How the ladder was climbed, once for each format; empty unless `auto` was asked for."""


def export_model(
    model: str | os.PathLike[str] | keras.Model,
    data: str | os.PathLike[str] | tuple[NDArray[Any], NDArray[Any]] | None,
    out: str | os.PathLike[str],
    *,
    precisions: Sequence[str] = ("int8",),
    formats: Sequence[str] = FORMATS,
    gate: Gate | None = None,
    calibration: str | os.PathLike[str] | None = None,
    test: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    preprocess: str | None = None,
    calibration_rows: int = CALIBRATION_ROWS,
    allow_overlap: bool = False,
    none_label: str | None = None,
    threshold: float | None = None,
    io: str = "default",
    granularity: str = "default",
    auto: bool = False,
    explain: bool = False,
    targets: Sequence[str] = (),
    with_test_data: bool = False,
    strict: bool = False,
    c_prefix: str | None = None,
    html: str | os.PathLike[str] | None = None,
    input_shape: tuple[int, ...] | None = None,
    lineage: Mapping[str, Any] | None = None,
    force: bool = False,
) -> ExportReport:
    """Exports a Keras classifier as TFLite and ONNX files, each measured through the runtime and held to the gate.

    Progress goes to the loggers `numbre_export.*` at level INFO.

    Args:
        model: A .keras or .h5 file, a Keras model, or a float .tflite or .onnx file, of which its own format is made.
        data: A data set with a part to test on or without (see docs/export.md), or inputs (N, *input shape), uint8 or
            float32, with classes (N,), integers or text; None is MNIST, or what `calibration` and `test` name.
        out: The bundle's directory; an earlier bundle there is replaced if everything passes, else left as it was.
        precisions: Of `numbre_runtime.manifest.PRECISIONS` but "mixed"; float32 is always made, to compare with.
        formats: "tflite", "onnx" or both.
        gate: The bounds; None is `Gate()`.
        calibration: Rows to calibrate with, instead of the training part of `data`.
        test: Rows to judge with, instead of the test part of `data`.
        labels: A text file with one class name a line; None is labels.txt beside the model, if it is there.
        preprocess: "unit" (value / 255), "none", "signed" (value / 127.5 − 1), "mnist", or a JSON file with factors and
            offsets; None is what the model says, if it says anything.
        calibration_rows: Number of rows to calibrate with, 20 or more.
        allow_overlap: Whether calibration rows may be test rows; it is then recorded in the manifest.
        none_label: The class that stands for "none of the others"; None is what the training left beside the model.
        threshold: Confidence, 0–1, from which on an answer counts; None as for `none_label`.
        io: Input and output of integer files: "int8", "uint8", "float32", or "default", which is int8 in TFLite and
            float32 in ONNX.
        granularity: Weight scales: one a "tensor", one a "channel", or "default": a channel in convolutions alone.
        auto: Whether to try what else keeps the gate if plain int8 misses it.
        explain: Whether to find the layer that costs the accuracy.
        targets: Runtimes that must run every file, such as "tflite-runtime==2.14".
        with_test_data: Whether the test rows travel with the bundle.
        strict: Whether to write nothing unless every file can be made and is shown to keep its bounds. Without it, a
            file that cannot be made or misses its bounds is left out, and one of which the rows are too few to tell
            is written and marked.
        c_prefix: Writes a C library too, whose names begin so: model.h and model.c in the bundle, and projects for
            boards in a directory beside it, `out` with "-c" at the end. None writes none.
        html: A file to write as well: an offline page that reads drawn digits with the int8 TFLite file inside; an
            earlier page there is replaced.
        input_shape: The shape of one input, for a Keras model that leaves sizes open.
        lineage: What the model was made from, for the manifest's provenance; values that JSON has.
        force: Whether a model that is no better than always naming the largest class is exported.

    Raises:
        BackendUnsupportedError: The model has what the C library does not compute.
        ModelError: The model cannot be read, or nothing that was asked for can be made.
        DataError: The data do not fit the model, or an argument is not what it should be.
        ParityError: All files that were asked for miss their bounds; `out`-missed.html then reports on every file. Or
            the model is no better than always naming the largest class.
        OutputError: `out` or `html` cannot be written, or holds what no export wrote.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import numbre_export
        >>> model = "tests/assets/numbre.keras"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     report = numbre_export.export_model(model, None, f"{directory}/bundle", formats=("tflite",))
        ...     [artifact.file for artifact in report.manifest.artifacts]
        ['model.int8.tflite', 'model.float32.tflite']
    """
    if isinstance(model, str | os.PathLike) and Path(model).suffix in SUFFIXES and tuple(formats) == FORMATS:
        # Of a float file only its own format is made.
        formats = (Path(model).suffix[1:],)
    request = _Request(
        tuple(sorted({*_known(precisions, set(PRECISIONS) - {"mixed"}, "precision"), "float32"})),
        tuple(_known(formats, FORMATS, "format")),
        gate or Gate(),
        _known((io,), IO_DTYPES, "io")[0],
        _known((granularity,), GRANULARITIES, "granularity")[0],
        auto,
        explain,
        tuple(parse_target(target) for target in targets),
        with_test_data,
        calibration_rows,
        strict,
        tuple(precisions),
        c_prefix,
        None if html is None else Path(html),
        lineage,
        force,
    )
    if request.html is not None:
        _check_page(request, request.html)
    if isinstance(model, str | os.PathLike) and not Path(model).exists():
        raise ModelError(f"{model}: no such file; numbre-train makes one")
    target = Path(out)
    if target.is_dir() and (name := foreign_file(target)) is not None:
        raise OutputError(
            f"{target}: holds {name}, which no export wrote and this one would remove; choose another one"
        )
    if c_prefix is not None:
        _check_c(request)
        refuse_foreign_library(_library_folder(target))
    with exclusive(target) as directory, Converter(directory) as converter:
        check_output(missed_report(target))
        file = _model_file(model, directory)
        source = converter.open(file, input_shape)
        abstention = _abstention(file, none_label, threshold)
        labels_file = Path(labels) if labels is not None else labels_beside(file, abstention.none_label)
        if labels is None and labels_file is not None:
            _log.info("%s names the classes", labels_file)
        options = DataOptions(
            _data_path(data, directory),
            None if calibration is None else Path(calibration),
            None if test is None else Path(test),
            labels_file,
            preprocess,
            calibration_rows,
            allow_overlap,
            abstention.none_label,
        )
        export = _Export(request, converter, directory, source, load_data(options, source), abstention)
        return export.run(file, target)


@dataclass(frozen=True)
class _Request:
    """The arguments of `export_model` that are about the files; see there."""

    precisions: tuple[str, ...]
    formats: tuple[str, ...]
    gate: Gate
    io: str
    granularity: str
    auto: bool
    explain: bool
    targets: tuple[Target, ...]
    with_test_data: bool
    calibration_rows: int
    strict: bool
    asked: tuple[str, ...]
    c_prefix: str | None
    html: Path | None
    lineage: Mapping[str, Any] | None
    force: bool


def _check_page(request: _Request, page: Path) -> None:
    """Finds out before the work whether an offline page can be made and written.

    Raises:
        DataError: No TFLite file is going to be int8 throughout.
        OutputError: The page cannot be written.
    """
    if "int8" not in request.precisions or "tflite" not in request.formats or request.io not in ("default", "int8"):
        raise DataError(
            "an offline page needs a TFLite file that is int8 throughout; add --int8, --format and --io of it"
        )
    check_output(page)
    refuse_other_file(page)


class _Export:
    """One export: the converter, the rows and the bounds that all its files share."""

    def __init__(
        self,
        request: _Request,
        converter: Converter,
        directory: Path,
        source: SourceModel,
        data: ExportData,
        abstention: Abstention,
    ) -> None:
        self._request = request
        self._converter = converter
        self._directory = directory
        self._source = source
        self._data = data
        self._abstention = abstention
        self._frame = self._judged_by()
        self._uploads: dict[int, UploadedRows] = {}
        self._explained: list[LayerNoise] | None = None

    def run(self, model: Path, target: Path) -> ExportReport:
        """Converts, measures, and writes the bundle."""
        request, frame = self._request, self._frame
        _log.info(
            "%s: accuracy %.2f%% on %s test rows", model, frame.test.accuracy * 100, f"{len(frame.test.labels):,}"
        )
        for note in self._source.notes:
            _log.info("%s: %s", model, note)
        if not request.force:
            _refuse_a_guesser(frame)
        _remark(request)
        chosen = variants(
            request.precisions, request.formats, request.io, request.granularity, self._source.convolutional
        )
        if any(variant.calibrated for variant in chosen):
            _log.info("converting with %d calibration rows …", self._calibration(request.calibration_rows).count)
        climbs: list[Climb] = []
        outcomes = self._judged([self._outcome(variant, climbs) for variant in chosen])
        for line in (line for outcome in outcomes for line in outcome.findings()):
            _log.info(line)
        if any(outcome.verdict == CANNOT_TELL for outcome in outcomes):
            _log.info(power(frame.test))
        self._record(outcomes, climbs)
        explanation = tuple(self._explain()) if request.explain else ()
        for line in explanation_lines(explanation):
            _log.info(line)
        missed = self._reason_to_stop(outcomes)
        if isinstance(missed, ParityError) and any(outcome.made is not None for outcome in outcomes):
            for outcome in outcomes:
                _log.info("%s: %s", outcome.file, outcome.verdict)
            write_missed_report(target, frame, outcomes, explanation, climbs)
            raise ParityError(f"{missed}; every file: {missed_report(target)}", missed.remedy)
        if missed is not None:
            raise missed
        with quiet_engine():
            manifest = write_bundle(
                target, frame, outcomes, request.with_test_data, explanation, climbs, request.c_prefix
            )
        remove_missed_report(target)
        _log.info("%s; written to %s/", _summary(outcomes), target)
        if request.c_prefix is not None:
            folder = _library_folder(target)
            write_bundle_library(read_bundle(target), folder, request.c_prefix)
            _log.info("the C library with its projects is in %s/; try: make -C %s check", folder, folder)
        if request.html is not None:
            write_offline_page(read_bundle(target), request.html)
            _log.info("a page that reads digits offline: %s", request.html)
        return ExportReport(target, manifest, tuple(outcomes), explanation, tuple(climbs))

    def _outcome(self, asked: Variant, climbs: list[Climb]) -> Outcome:
        """Makes and measures what was asked for, or the nearest that can be made."""
        reasons: list[str] = []
        for variant in (asked, *_instead(asked, self._request.precisions)):
            try:
                if self._request.auto and variant.precision == "int8":
                    climbs.append(self._climb(variant))
                    made = self._measured(*_top(climbs[-1], variant))
                else:
                    made = self._measured(*self._file(variant))
            except ParityError as error:
                if self._request.strict:
                    raise
                return Outcome(asked, None, reasons=(str(error).removeprefix(f"{variant.file}: "),), unsaved=True)
            except (ModelError, BackendError) as error:
                if self._request.strict:
                    raise
                _log.debug("%s is not made", variant.file, exc_info=True)
                reasons.append(str(error).removeprefix(f"{variant.file}: "))
                continue
            for line in made.lines():
                _log.info(line)
            if made.variant.precision != asked.precision:
                kept = f"{', '.join(made.variant.kept[:4])}{', …' if len(made.variant.kept) > 4 else ''} in float32"
                why = f", because {reasons[0]}" if reasons else f": {kept}"
                reasons = [f"made as {made.variant.precision}{why}"]
            return Outcome(asked, made, reasons=tuple(reasons))
        return Outcome(asked, None, reasons=tuple(reasons[:1]))

    def _measured(self, variant: Variant, content: bytes, rows: int) -> MadeFile:
        """Writes the finished file into the working directory and runs it on the test rows."""
        variant = settled(variant, content)
        path = self._directory / variant.file
        write_content(path, self._frame.described(content, variant))
        artifact, runs = self._frame.run(path, variant)
        return MadeFile(variant, path.read_bytes(), rows, artifact, tuple(runs))

    def _judged(self, outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes with the gate's verdicts, judged together."""
        frame = self._frame
        cases = [
            FileAnswers(outcome.made.variant.precision, run, measured)
            for outcome in outcomes
            if outcome.made is not None
            for run, measured in zip(outcome.made.runs, outcome.made.artifact.measured, strict=True)
        ]
        verdicts = iter(judge(cases, frame.test, frame.labels, frame.gate))
        return [
            outcome
            if outcome.made is None
            else dataclasses.replace(outcome, judged=tuple(next(verdicts) for _ in outcome.made.runs))
            for outcome in outcomes
        ]

    def _reason_to_stop(self, outcomes: list[Outcome]) -> ParityError | ModelError | None:
        """The error that ends the export: nothing that was asked for can ship, or with `strict` not all of it.

        Returns:
            A ParityError if a file misses its bounds, with `strict` also if the rows cannot tell; a ModelError if no
            converter makes what was asked for; None if a bundle can be written.
        """
        asked = [item for item in outcomes if item.asked.precision in self._request.asked]
        wrong = [item for item in outcomes if not item.ships or (self._request.strict and item.verdict != PASS)]
        if not wrong or (any(item.ships for item in asked) and not self._request.strict):
            return None
        first = next((item for item in wrong if item.verdict != NOT_MADE), wrong[0])
        reason = next(line for line in first.findings() if ": made as " not in line)
        return ModelError(reason) if first.verdict == NOT_MADE else ParityError(reason, self._remedy(first))

    def _remedy(self, missed: Outcome) -> list[str]:
        """The options to try next for a file that misses its bounds; empty where no option helps."""
        if missed.verdict != FAIL:
            return []
        if not self._request.auto and missed.asked.precision == "int8":
            return ["--auto"]
        if not self._request.explain:
            return ["--explain"]
        if missed.made is None:
            return []
        frame = self._frame
        return accepting(missed.made.variant.precision, missed.made.artifact.measured, frame.test.accuracy, frame.gate)

    def _record(self, outcomes: list[Outcome], climbs: list[Climb]) -> None:
        """Writes into the manifest's provenance what the files alone do not show."""
        provenance = self._frame.provenance
        made = [item.made.variant.precision for item in outcomes if item.made is not None]
        provenance["gate"] = self._frame.gate.applied(made)
        provenance["power"] = power(self._frame.test)
        if self._request.lineage is not None:
            provenance["lineage"] = dict(self._request.lineage)
        findings = {item.file: item.findings() for item in outcomes}
        if any(findings.values()):
            provenance["findings"] = {file: lines for file, lines in findings.items() if lines}
        if climbs:
            provenance["ladder"] = {
                "chosen_on": climbs[0].chosen_on,
                "chosen_on_sha256": rows_digest(self._data.validation.inputs),
                **{item.variant.file: [rung.note() for rung in item.rungs] for item in climbs if item.variant},
            }

    def _judged_by(self) -> Frame:
        data, gate = self._data, self._request.gate
        test, output = self._test_set(data.test)
        if gate.min_agreement is None and data.name != "MNIST":
            # How many rows are borderline depends on the data; what NUMBRE keeps on MNIST binds nobody else.
            gate = dataclasses.replace(gate, min_agreement=0.0)
        return Frame(
            self._source.name,
            data.spec,
            data.labels,
            output,
            test,
            gate,
            _provenance(self._request, self._source, data),
            self._abstention if output == "logits" else dataclasses.replace(self._abstention, temperature=1.0),
        )

    def _test_set(self, samples: Samples) -> tuple[TestSet, str]:
        """The rows with the Keras model's scores, and what these are, see `Manifest.output`."""
        raw = self._converter.scores(self._data.network_values(samples.inputs))
        if not np.isfinite(raw).all():
            raise ModelError(f"{self._source.file}: gives NaN or infinity on the test rows; train it again")
        shares = bool((raw >= 0).all()) and bool(np.allclose(raw.sum(axis=1), 1, atol=1e-3))
        output = "softmax" if shares else "sigmoid" if self._source.independent else "logits"
        scores = softmax(raw, self._abstention.temperature) if output == "logits" else raw
        return TestSet(samples.inputs, samples.labels, scores), output

    def _calibration(self, count: int) -> UploadedRows:
        if count not in self._uploads:
            self._uploads[count] = self._converter.upload(self._data.calibration(count))
        return self._uploads[count]

    def _convert(self, variant: Variant, calibration: UploadedRows | None = None) -> bytes:
        """Makes a file that every target of its format runs."""
        content = self._converter.convert(variant, calibration)
        reason = self._objection(variant, content)
        if reason is not None:
            raise ModelError(f"{variant.file}: {reason}")
        return content

    def _objection(self, variant: Variant, content: bytes) -> str | None:
        """Which target does not run a file, and why; None if all do."""
        for target in self._request.targets:
            reasons = reasons_against(content, variant.format, target) if target.format == variant.format else []
            if reasons:
                return f"{target} does not run it: it {reasons[0]}"
        return None

    def _file(self, variant: Variant) -> tuple[Variant, bytes, int]:
        """Converts; gives the variant as made, the file, and the number of calibration rows."""
        rows = self._calibration(self._request.calibration_rows) if variant.calibrated else None
        if variant.format == "tflite" and variant.granularity == "channel" and self._request.targets:
            reason = self._objection(variant, self._converter.convert(variant, rows))
            if reason is not None:
                _log.info("%s: %s; made with one weight scale a tensor in dense layers instead", variant.file, reason)
                variant = dataclasses.replace(variant, granularity="default")
        return variant, self._convert(variant, rows), 0 if rows is None else rows.count

    def _climb(self, variant: Variant) -> Climb:
        chosen_on = dataclasses.replace(self._frame, test=self._test_set(self._data.validation)[0])
        result = climb(
            variant,
            self._request.calibration_rows,
            self._data.validation_source,
            lambda rung, count: (self._convert(rung, self._calibration(count)), self._calibration(count).count),
            lambda rung, content: chosen_on.judge(self._directory, rung, content),
            self._explain,
        )
        if result.variant is None:
            raise ParityError(f"{variant.file}: no rung of the ladder keeps the bounds; see the lines above")
        return result

    def _explain(self) -> list[LayerNoise]:
        if self._explained is None:
            rows = self._calibration(self._request.calibration_rows)
            float32, int8 = (
                self._converter.convert(Variant(precision, "tflite"), rows) for precision in ("float32", "int8")
            )
            real = self._data.network_values(self._data.validation.inputs[:EXPLAINED_ROWS])
            calibration = self._data.calibration(self._request.calibration_rows)
            self._explained = explain_layers(float32, int8, calibration, real, self._source.layers)
        return self._explained


def _known(values: Sequence[str], known: Sequence[str] | set[str], what: str) -> list[str]:
    """The values, if each is among the known ones and there is one at least.

    Raises:
        DataError: One is not; or a str came, which is a sequence of letters.
    """
    listed = ", ".join(sorted(known))
    if isinstance(values, str) or not values:
        raise DataError(f"{what} {values!r}: expected a sequence of names, each one of {listed}")
    for value in values:
        if value not in known:
            raise DataError(f"{what} {value!r}: expected one of {listed}")
    return list(values)


def _check_c(request: _Request) -> None:
    """Finds out before the work what a C library needs.

    Raises:
        DataError: It could not be made.
    """
    identifier(request.c_prefix or "")
    if "int8" not in request.precisions or "tflite" not in request.formats or request.io not in ("default", "int8"):
        raise DataError(
            "a C library is made of an int8 TFLite file; use --int8, --format tflite and --io int8 with --c"
        )


def _library_folder(target: Path) -> Path:
    return target.with_name(f"{target.name}-c")


def _model_file(model: str | os.PathLike[str] | keras.Model, directory: Path) -> Path:
    """The model's file; a Keras model in memory is saved into the working directory."""
    if isinstance(model, str | os.PathLike):
        return Path(model)
    path = directory / f"{model.name}.keras"
    model.save(path)
    return path


def _data_path(data: str | os.PathLike[str] | tuple[NDArray[Any], NDArray[Any]] | None, directory: Path) -> Path | None:
    """The data set's path; arrays are saved into the working directory."""
    if not isinstance(data, tuple):
        return None if data is None else Path(data)
    path = directory / "arrays.npz"
    np.savez(path, x=data[0], y=data[1])
    return path


def _abstention(model: Path, none_label: str | None, threshold: float | None) -> Abstention:
    """What the caller says, else what the training left beside the model."""
    beside = model.with_name(ABSTENTION_FILE)
    found = read_abstention(beside) if beside.exists() else Abstention()
    return Abstention(
        found.none_label if none_label is None else none_label,
        found.threshold if threshold is None else threshold,
        found.temperature,
    )


def _top(climb_result: Climb, variant: Variant) -> tuple[Variant, bytes, int]:
    return climb_result.variant or variant, climb_result.content, climb_result.rungs[-1].rows


def _instead(asked: Variant, precisions: Sequence[str]) -> list[Variant]:
    """What is made if int8 cannot be made, unless it is asked for anyway."""
    if asked.precision != "int8":
        return []
    return [
        dataclasses.replace(asked, precision=precision, io="default")
        for precision in ("dynamic", "float16")
        if precision not in precisions
    ]


def _summary(outcomes: Sequence[Outcome]) -> str:
    """The result in half a sentence."""
    unproven = [item.file for item in outcomes if item.verdict == CANNOT_TELL]
    left_out = [item.file for item in outcomes if not item.ships]
    if not unproven and not left_out:
        return "passed: every file is within its bounds"
    parts = [f"{sum(item.verdict == PASS for item in outcomes)} files are within their bounds"]
    if unproven:
        parts.append(f"of {', '.join(unproven)} too few rows tell")
    if left_out:
        parts.append(f"{', '.join(left_out)} left out")
    return "; ".join(parts)


def _refuse_a_guesser(frame: Frame) -> None:
    """Refuses a model that knows nothing of the test rows, most often because they reach it in another form.

    Raises:
        ParityError: It is no better than always naming the largest class.
    """
    counts = np.bincount(frame.test.labels, minlength=len(frame.labels))
    share = counts.max() / counts.sum()
    if len(frame.labels) > 1 and frame.test.accuracy <= share:
        raise ParityError(
            f"the model reads {frame.test.accuracy:.2%} of the test rows, and always naming "
            f"'{frame.labels[int(counts.argmax())]}' reads {share:.2%}: is --preprocess right, and the order of the "
            f"classes ({', '.join(frame.labels[:4])}, …), which --labels decides? --force exports it all the same"
        )


def _remark(request: _Request) -> None:
    """Says what the user should know before the results."""
    for precision in request.precisions:
        for format_name in request.formats:
            reason = unavailable(precision, format_name)
            if reason is not None:
                _log.info("no %s %s file: %s", precision, format_name, reason)
    if request.io in ("int8", "uint8") and "int16x8" in request.precisions:
        dtypes = {"tflite": "int16", "onnx": "float32"}
        taken = ", ".join(f"{dtypes[name]} in {name} files" for name in request.formats)
        _log.info(
            "no int16x8 file with --io %s: its activations have 16 bits; it takes and gives %s", request.io, taken
        )


def _provenance(request: _Request, source: SourceModel, data: ExportData) -> dict[str, Any]:
    return {
        "model": {"file": source.file, "sha256": source.sha256},
        **data.provenance(request.calibration_rows),
        "tools": {
            "python": platform.python_version(),
            **{tool: version(tool) for tool in (*_TOOLS, "numbre")},
        },
    }
