"""From a bundle and a few labelled pictures to a bundle that also reads those: `teach`, behind numbre-teach."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, get_args

import numpy as np

from numbre_export import ExportReport, Gate, export_model
from numbre_export.bundle.staging import foreign_file
from numbre_runtime.bundle import Bundle, bundle_path, read_bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.directories import replacing_directory
from numbre_runtime.errors import DataError, ModelError, NumbreError, OutputError
from numbre_runtime.loading import load
from numbre_runtime.manifest import PIXEL_SCALES
from numbre_teach.before_after import BeforeAfter, compare
from numbre_teach.fine_tuning import Course, fine_tune
from numbre_teach.float_network import float_network
from numbre_teach.lessons import SHAPE, Preparation, read_lessons, split_lessons
from numbre_train.data.classes import format_labels
from numbre_train.data.dataset import Dataset, load_dataset
from numbre_train.data.rows import Rows
from numbre_train.fit import scores_of

_log = logging.getLogger(__name__)
MAX_LOSS = 0.001
"""Of the original test rows' accuracy, at most so much may be lost."""
HELD_OUT = 0.25
"""Share of each class's pictures to judge by."""
_AGREEMENT = 0.997
_TRIAL_STEPS = 300
_CALIBRATION_ORIGINALS = 2000
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Of the change of the weights, tried one after the other."""


_Prepared: TypeAlias = Callable[[Preparation], tuple[Rows, Rows]]
"""The pictures to learn from and those to judge by, prepared in one way or the other."""


class NotBetterError(NumbreError):
    """A taught network that is no better on the new pictures, or worse on the original rows."""

    exit_code = 3


@dataclass(frozen=True)
class Teaching:
    """What was taught, and what it changed."""

    preparation: Preparation
    """How the taught bundle prepares pictures."""
    lessons: BeforeAfter
    """On pictures that it was not taught with."""
    original: BeforeAfter
    """On the original test rows."""
    export: ExportReport
    """The bundle's export."""


@dataclass(frozen=True)
class _Pupil:
    """The network that is taught, and what it knows."""

    bundle: Bundle
    content: bytes
    labels: tuple[str, ...]
    none_label: str | None
    raw_pixels: bool
    original: Dataset


def teach(
    lessons: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    bundle: str | os.PathLike[str] | None = None,
    test: str | os.PathLike[str] | None = None,
    original: str | os.PathLike[str] | None = None,
    preparation: Preparation | None = None,
    max_loss: float = MAX_LOSS,
    course: Course | None = None,
) -> Teaching:
    """Teaches a bundle's network new pictures, and exports it if it reads them better and the original rows no worse.

    Progress goes to the loggers `numbre_teach.*` at level INFO.

    Args:
        lessons: Labelled pictures: a folder a class, named as the bundle's classes; or other labelled rows.
        out: The directory of the new bundle; an earlier bundle there is replaced if everything passes.
        bundle: A bundle with a float TFLite file, or the name of one that ships; None is "digits-int8".
        test: Pictures to judge by, as `lessons`; None holds back a quarter of each class.
        original: The data set that the bundle was trained on, as `numbre_train.load_dataset` takes it; None is MNIST.
        preparation: "digit" cuts the digit out of a picture, "whole" resizes the whole picture; None tries both.
        max_loss: The largest loss of accuracy on the original test rows, 0–1.
        course: How the network is taught; None is `Course()`.

    Raises:
        DataError: Pictures are damaged, too few, or of classes that the bundle does not know.
        ModelError: The bundle has no float TFLite file, or one that cannot go on learning.
        NotBetterError: The taught network is no better on the new pictures, or worse on the original rows; nothing is
            written.
        ParityError: The integer file misses its bounds.
        OutputError: `out` cannot be written, or holds what no export wrote.
    """
    if not 0 <= max_loss <= 1:
        raise DataError(f"a loss of {100 * max_loss:g} points; expected 0 to 100")
    target = Path(out)
    if target.is_dir() and (name := foreign_file(target)) is not None:
        raise OutputError(f"{target}: holds {name}, which no export wrote; choose another directory")
    pupil = _pupil(bundle, original)
    course = course or Course()

    @cache
    def prepared(how: Preparation) -> tuple[Rows, Rows]:
        return _lessons(Path(lessons), test, pupil, how, course.seed)

    chosen = preparation or _better_preparation(prepared, pupil, course)
    learn, judge = prepared(chosen)
    model = float_network(pupil.content, f"{pupil.bundle.manifest.name}_taught")
    _log.info("teaching %s with %s pictures, each taken as a %s", pupil.bundle.manifest.name, f"{len(learn):,}", chosen)
    old = model.get_weights()
    fine_tune(model, learn, pupil.original.fit, pupil.raw_pixels, course)
    _go_back(model, old, pupil)
    _log.info("exporting, and comparing the int8 file with the old bundle")
    _, seen = prepared("digit" if pupil.bundle.manifest.input.picture == "mnist" else "whole")
    with tempfile.TemporaryDirectory() as directory:
        trial = Path(directory) / target.name
        report = _exported(model, learn, judge, pupil, chosen, trial, Path(lessons))
        found, kept = _compared(pupil, seen, judge, load(trial))
        _refuse_a_loss(found, kept, max_loss)
        with replacing_directory(target, foreign_file) as staging:
            shutil.copytree(trial, staging, dirs_exist_ok=True)
    return Teaching(chosen, found, kept, replace(report, path=target))


def _pupil(bundle: str | os.PathLike[str] | None, original: str | os.PathLike[str] | None) -> _Pupil:
    found = read_bundle(bundle_path(bundle))
    manifest = found.manifest
    content = next(
        (
            found.contents[item.file]
            for item in manifest.artifacts
            if (item.format, item.precision) == ("tflite", "float32")
        ),
        None,
    )
    if content is None:
        raise ModelError(f"{found.path}: no model.float32.tflite in it; export it with --format tflite")
    spec = manifest.input
    if spec.shape != SHAPE or spec.dtype != "uint8" or spec.preprocessing not in PIXEL_SCALES:
        raise ModelError(
            f"{found.path}: takes {spec.shape} {spec.dtype}; only networks for 28×28 grey pixels are taught"
        )
    data = load_dataset(None if original is None else Path(original))
    labels = tuple(manifest.labels)
    if labels[: len(data.labels)] != data.labels or set(labels[len(data.labels) :]) - {manifest.none_label}:
        raise DataError(
            f"{data.source}: classes {', '.join(data.labels[:3])}, …; the bundle has {', '.join(labels[:3])}, …; "
            "name the data that it was trained on with --original"
        )
    return _Pupil(found, content, labels, manifest.none_label, spec.preprocessing == "none", data)


def _lessons(
    path: Path, test: str | os.PathLike[str] | None, pupil: _Pupil, preparation: Preparation, seed: int
) -> tuple[Rows, Rows]:
    """The pictures to learn from and those to judge by; of the former, blank ones are left out."""
    rows = read_lessons(path, pupil.labels, preparation)
    learn, judge = (
        split_lessons(rows, HELD_OUT, seed)
        if test is None
        else (rows, read_lessons(Path(test), pupil.labels, preparation))
    )
    return learn.take(np.flatnonzero(learn.images.any(axis=(1, 2)))), judge


def _better_preparation(lessons: _Prepared, pupil: _Pupil, course: Course) -> Preparation:
    """Teaches a little with each preparation, and takes that which reads more of the pictures that were held back."""
    short, right = replace(course, steps=min(course.steps, _TRIAL_STEPS)), dict[Preparation, float]()
    for preparation in get_args(Preparation):
        learn, _ = lessons(preparation)
        some, others = split_lessons(learn, HELD_OUT, course.seed, fewest=2, otherwise="--preparation")
        model = float_network(pupil.content)
        fine_tune(model, some, pupil.original.fit, pupil.raw_pixels, short)
        right[preparation] = _accuracy(model, others, pupil)
        _log.info("after %d steps with %s pictures: %.1f%% right", short.steps, preparation, 100 * right[preparation])
    # The digit's form is what the network knows already, so a tie is its.
    return max(right, key=lambda name: (right[name], name == "digit"))


def _accuracy(network: Any, rows: Rows, pupil: _Pupil) -> float:
    """Share of the rows that a Keras model reads right."""
    return float((scores_of(network, rows.images, pupil.raw_pixels).argmax(axis=1) == rows.labels).mean())


def _go_back(model: Any, old: list[Any], pupil: _Pupil) -> None:
    """Goes back towards the old weights until the original validation rows lose nothing.

    Weights between a network's before and after fine-tuning do better on its original data than those after
    (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
    """
    # The rows that were rehearsed would not show what is forgotten.
    rows = pupil.original.validation
    new = model.get_weights()
    model.set_weights(old)
    least = _accuracy(model, rows, pupil)
    for share in _SHARES:
        model.set_weights([share * after + (1 - share) * before for before, after in zip(old, new, strict=True)])
        if _accuracy(model, rows, pupil) >= least:
            _log.info("%.0f%% of the change is kept: the original validation rows lose nothing", 100 * share)
            return


def _compared(pupil: _Pupil, seen: Rows, judge: Rows, taught: Classifier) -> tuple[BeforeAfter, BeforeAfter]:
    """The old bundle against the taught one, on the pictures to judge by and on the original test rows."""
    old = load(pupil.bundle.path)
    original = pupil.original.test
    return (
        compare(
            "new pictures held back",
            pupil.labels,
            judge.labels,
            old.predict_batch(seen.images),
            taught.predict_batch(judge.images),
        ),
        compare(
            "original test rows",
            pupil.original.labels,
            original.labels,
            old.predict_batch(original.images),
            taught.predict_batch(original.images),
        ),
    )


def _refuse_a_loss(found: BeforeAfter, kept: BeforeAfter, max_loss: float) -> None:
    if found.after <= found.before:
        raise NotBetterError(f"{found.line()}: no better, so nothing is written; label more pictures")
    if kept.lost > max_loss:
        raise NotBetterError(
            f"{kept.line()}: {100 * kept.lost:.2f} points lost, and no more than {100 * max_loss:g} may be, so nothing "
            "is written; see --max-loss and --steps"
        )


def _exported(
    model: Any, learn: Rows, judge: Rows, pupil: _Pupil, preparation: Preparation, out: Path, lessons: Path
) -> ExportReport:
    """Exports the taught network, calibrated with new and original rows and held to the gate on both kinds."""
    fit, test, manifest = pupil.original.fit, pupil.original.test, pupil.bundle.manifest
    some = fit.take(np.arange(0, len(fit), max(1, len(fit) // _CALIBRATION_ORIGINALS)))
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for name, parts in (("calibration", (learn, some)), ("test", (judge, test))):
            np.savez(
                folder / f"{name}.npz",
                x=np.concatenate([part.images for part in parts]),
                y=np.concatenate([part.labels for part in parts]),
            )
        (folder / "labels.txt").write_bytes(format_labels(pupil.labels))
        return export_model(
            model,
            None,
            out,
            gate=Gate(min_agreement=_AGREEMENT),
            calibration=folder / "calibration.npz",
            test=folder / "test.npz",
            labels=folder / "labels.txt",
            preprocess="mnist" if preparation == "digit" else manifest.input.preprocessing,
            none_label=pupil.none_label,
            threshold=manifest.threshold,
            allow_overlap=True,
            lineage={
                "parent": manifest.name,
                "parent_sha256": hashlib.sha256(pupil.content).hexdigest(),
                "lessons": lessons.name,
                "pictures": len(learn) + len(judge),
                "pictures_sha256": hashlib.sha256(learn.images.tobytes() + judge.images.tobytes()).hexdigest(),
                "by_class": {
                    label: int((learn.labels == number).sum() + (judge.labels == number).sum())
                    for number, label in enumerate(pupil.labels)
                },
            },
        )
