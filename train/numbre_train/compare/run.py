"""Several models on the same rows: their training, their figures, and whether the differences are significant."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bench.timing import single_latency
from numbre_runtime.bundle import read_bundle
from numbre_runtime.errors import DataError, NumbreError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.loading import load_bundle
from numbre_runtime.npz import read_npz, write_npz
from numbre_train.compare.statistics import holm, paired_test
from numbre_train.data import Dataset, Rows
from numbre_train.fit import Moments, evaluate
from numbre_train.history import Period
from numbre_train.networks import first_weights
from numbre_train.recipes import Recipe
from numbre_train.results import write_training
from numbre_train.training import rows_for, train

PERIODS, FIT_ROWS_WATCHED = 10, 10_000
_RUN, _MODEL, _LIMIT = "run.npz", "model.keras", 256 << 20


@dataclass(frozen=True)
class Result:
    """One model of a comparison."""

    metrics: dict[str, Any]
    """The figures of `metrics_of`; its seconds exclude the time to measure the periods."""
    periods: list[Period]
    """Its log loss at ten moments or more."""
    scores: NDArray[np.float32]
    """(N, classes), of the test rows."""
    weights: NDArray[np.float32]
    """The kernel of its first layer: (784, units), or (9, filters) of a convolution 3×3."""
    model_sha256: str
    """Hex digest of its .keras file."""
    unit_names: tuple[str, ...] = ()
    """Names of the first layer's units: the classes of a linear classifier; empty for hidden units."""


def run_model(
    recipe: Recipe,
    data: Dataset,
    seed: int,
    out: Path,
) -> tuple[Result, bool]:
    """Trains a model and writes it with its results into a directory, or reads them from there.

    Returns:
        The result, and whether it was read: the directory held one of the same recipe, rows and seed.

    Raises:
        DivergedError: The loss became NaN or infinite.
        OutputError: `out` cannot be written.
    """
    identity = _identity(recipe, data, seed)
    earlier = _read(out, identity)
    if earlier is not None:
        return earlier, True
    rows, validation = rows_for(recipe, data)
    watched = Rows(rows.images[:FIT_ROWS_WATCHED], rows.labels[:FIT_ROWS_WATCHED])
    periods: list[Period] = []
    looking = 0.0

    def look(step: int, epoch: float, model: Any) -> None:
        nonlocal looking
        start = time.perf_counter()
        fit_loss = evaluate(model, watched, recipe.raw_pixels)[0]
        validation_loss = None if validation is None else evaluate(model, validation, recipe.raw_pixels)[0]
        periods.append(Period(step, epoch, fit_loss, validation_loss))
        looking += time.perf_counter() - start

    def moments(steps: int) -> Moments:
        chosen = _period_steps(steps, recipe.epochs)
        return Moments(chosen, lambda step, model: look(step, step * recipe.epochs / steps, model))

    training = train(recipe, data, seed, moments=moments)
    training = dataclasses.replace(training, seconds=training.seconds - looking)
    metrics = write_training(training, out)
    weights, names = first_weights(training.model), recipe.network.unit_names(data.labels)
    result = Result(metrics, periods, training.scores, weights, _sha256(out / _MODEL), names)
    _write(out, result, identity)
    return result, False


def _period_steps(steps: int, epochs: int) -> set[int]:
    """The last step of every epoch; of fewer than ten epochs, ten steps; of fewer than ten steps, all."""
    count = min(max(epochs, PERIODS), steps)
    return {round(steps * number / count) for number in range(1, count + 1)}


def _identity(recipe: Recipe, data: Dataset, seed: int) -> str:
    digest = hashlib.sha256(json.dumps([asdict(recipe), data.sha256, seed], sort_keys=True).encode())
    digest.update(data.test.images.tobytes() + data.test.labels.tobytes())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(read_limited(path, _LIMIT, DataError)).hexdigest()


def _write(out: Path, result: Result, identity: str) -> None:
    notes = {
        "identity": identity,
        "metrics": result.metrics,
        "periods": [asdict(period) for period in result.periods],
        "model_sha256": result.model_sha256,
        "unit_names": result.unit_names,
    }
    encoded = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    write_atomic(out / _RUN, write_npz(notes=encoded, scores=result.scores, weights=result.weights))


def _read(out: Path, identity: str) -> Result | None:
    """An earlier result of the same training if its model is still beside it, else None."""
    try:
        arrays = read_npz(read_limited(out / _RUN, _LIMIT, DataError), str(out / _RUN), DataError)
        notes = json.loads(arrays["notes"].tobytes())
        if notes["identity"] != identity or notes["model_sha256"] != _sha256(out / _MODEL):
            return None
        periods = [Period(**period) for period in notes["periods"]]
        return Result(
            notes["metrics"],
            periods,
            arrays["scores"],
            arrays["weights"],
            notes["model_sha256"],
            tuple(notes["unit_names"]),
        )
    except (DataError, KeyError, TypeError, ValueError):
        return None


def bundle_figures(path: Path, result: Result, test: Rows) -> dict[str, Any] | None:
    """Size, accuracy and latency of the first int8 file of an exported model, measured through the runtime.

    Returns:
        The figures; None if there is no bundle. If the bundle is of another model or does not run, a dict with the key
        "skipped" alone, which holds the reason.
    """
    if not path.is_dir():
        return None
    try:
        bundle = read_bundle(path)
        if bundle.manifest.provenance.get("model", {}).get("sha256") != result.model_sha256:
            return {"skipped": f"{path} holds an earlier training; export {_MODEL} again"}
        int8 = [item for item in bundle.manifest.artifacts if item.precision == "int8"]
        if not int8:
            return {"skipped": f"{path} holds no int8 file"}
        with quiet_engine():
            classifier = load_bundle(bundle, artifact=int8[0].file)
        answers = classifier.predict_raw(test.images).argmax(axis=1)
    except NumbreError as error:
        return {"skipped": str(error)}
    right = answers == test.labels
    paired = paired_test(right, result.scores.argmax(axis=1) == test.labels)
    latency = single_latency(classifier, test.images)
    return {
        "file": int8[0].file,
        "backend": classifier.backend,
        "bytes": int8[0].bytes,
        "accuracy": float(right.mean()),
        "against_keras": asdict(paired),
        "latency_us": {"p50": latency.p50, "p90": latency.p90, "p99": latency.p99},
    }


def comparison_figures(
    results: Mapping[str, Result], bundles: Mapping[str, dict[str, Any] | None], data: Dataset, seed: int
) -> dict[str, Any]:
    """All figures of a comparison, ready for JSON."""
    labels = data.test.labels
    right = {name: result.scores.argmax(axis=1) == labels for name, result in results.items()}
    pairs = list(itertools.combinations(results, 2))
    tests = [paired_test(right[second], right[first]) for first, second in pairs]
    corrected = holm([test.p for test in tests])
    return {
        "data": {
            "source": data.source,
            "sha256": data.sha256,
            "fit_rows": len(data.fit),
            "validation_rows": len(data.validation),
            "test": data.test_source,
            "test_rows": len(labels),
        },
        "seed": seed,
        "models": {
            name: {
                **result.metrics,
                "periods": [asdict(period) for period in result.periods],
                "int8": bundles.get(name),
            }
            for name, result in results.items()
        },
        "differences": [
            {"first": second, "second": first, **asdict(test), "p_holm": p}
            for (first, second), test, p in zip(pairs, tests, corrected, strict=True)
        ],
    }
