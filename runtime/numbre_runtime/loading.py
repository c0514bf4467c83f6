"""The front door: `load(path)` reads a bundle, chooses artifact and engine, and replays the golden vectors."""

from __future__ import annotations

import copyreg
import os
import sys
import warnings
from typing import Any

from numbre_runtime.backends import BACKENDS, OWN, backend_format
from numbre_runtime.bundle import MODELS, Bundle, Golden, bundle_path, read_bundle
from numbre_runtime.classifier import Classifier, Origin, check_artifact, open_artifact, replay_golden
from numbre_runtime.doctor.probe_cache import remembered_probe, remembered_trial
from numbre_runtime.errors import (
    BackendError,
    BackendNotInstalledError,
    BackendUnsupportedError,
    BundleError,
    EngineWarning,
)
from numbre_runtime.manifest import Artifact, Manifest

MOST_DIFFERENCE = 0.1
"""Most that a golden score may differ between the engine here and the one at export, 0–1; engines round differently."""
_MOST_THREADS = 256


def load(
    path: str | os.PathLike[str] | None = None,
    backend: str | None = None,
    threads: int = 1,
    artifact: str | None = None,
) -> Classifier:
    """Loads a bundle: checks every file, chooses artifact and engine, and replays the golden vectors.

    Args:
        path: The bundle's directory, or the name of one that ships with the runtime, "numbre-int8"; None is the
            default one.
        backend: "litert", "tflite_runtime", "onnxruntime", "numpy" or "c"; None takes the first that is installed and
            works, as tried once in a child process (see `numbre_runtime.doctor.probe`).
        threads: Threads that the engine may use for one call.
        artifact: A model file of the bundle; None takes the first that a backend runs.

    Raises:
        BundleError: The bundle is incomplete, altered, malformed or too new.
        BackendNotInstalledError: No engine for it is installed, or not the one asked for.
        BackendError: The engine does not run it, or gives other answers than when it was exported.

    Example:
        >>> classifier = load("numbre-int8", backend="numpy")
        >>> "".join(classifier.labels)
        '0123456789'
    """
    return load_bundle(read_bundle(bundle_path(path)), backend, threads, artifact)


def load_bundle(
    bundle: Bundle,
    backend: str | None = None,
    threads: int = 1,
    artifact: str | None = None,
    tried: bool = False,
) -> Classifier:
    """As `load`, of a bundle that has been read already.

    Args:
        bundle: From `read_bundle`.
        backend: See `load`.
        threads: See `load`.
        artifact: See `load`.
        tried: Whether this process has run the model files already, so that no child process needs to try them.
    """
    if not 1 <= threads <= _MOST_THREADS:
        raise BackendError(f"{threads} threads; expected 1 to {_MOST_THREADS}")
    artifacts = bundle.manifest.artifacts if artifact is None else (bundle.artifact(artifact),)
    names = BACKENDS if backend is None else (backend,)
    pairs = [(item, name) for item in artifacts for name in names if backend_format(name) == item.format]
    if not pairs:
        listed = ", ".join(item.file for item in artifacts)
        raise BundleError(f"{bundle.path}: {backend} runs none of {listed}; choose another backend or artifact")
    # What NumPy computes is the fallback, for any artifact, where no engine runs one.
    pairs.sort(key=lambda pair: pair[1] == "numpy")
    golden = bundle.golden()
    missing: list[BackendError] = []
    broken: BackendError | None = None
    for item, name in pairs:
        try:
            if backend is None and name != "numpy":
                _refuse_broken(name)
            if name not in OWN and not tried and bundle.path.parent != MODELS:
                check_artifact(bundle, item)
                _refuse_dangerous(name, bundle, item)
            classifier = open_artifact(bundle, item, name, threads)
            replay(classifier, golden)
        except (BackendNotInstalledError, BackendUnsupportedError) as cause:
            missing.append(cause)
            continue
        except BackendError as cause:
            broken = broken or cause
            continue
        if broken is not None:
            warnings.warn(f"numbre_runtime uses {classifier.backend}: {broken}", EngineWarning, stacklevel=3)
        elif backend is None and name == "numpy" and sys.maxsize > 1 << 32:
            # 32-bit boards have no engine to install.
            warnings.warn(
                f"numbre_runtime uses NumPy, which is slower than an engine: {missing[0]}", EngineWarning, stacklevel=3
            )
        return classifier
    if broken is not None:
        raise broken
    if backend is not None:
        raise missing[0]
    raise BackendNotInstalledError(
        f"no inference engine for {bundle.path.name} is installed: {missing[0]}"
    ) from missing[0]


def _open_again(manifest: Manifest, file: str, origin: Origin) -> Classifier:
    """Opens a pickled classifier's artifact in this process.

    Raises:
        BundleError: The bundle's directory holds another model now.
    """
    bundle = read_bundle(origin.path)
    if bundle.manifest != manifest:
        raise BundleError(f"{origin.path}: holds another model than the classifier that was pickled; load it again")
    return load_bundle(bundle, origin.backend, origin.threads, file)


def _reduce(classifier: Classifier) -> tuple[Any, ...]:
    if classifier.origin is None:
        raise TypeError("a classifier without a bundle cannot be pickled; load it with numbre_runtime.load")
    return _open_again, (classifier.manifest, classifier.artifact.file, classifier.origin)


# The classifier cannot name this function itself: loading is the layer above it.
copyreg.pickle(Classifier, _reduce)


def _refuse_broken(name: str) -> None:
    """Keeps a backend that is known to crash out of this process.

    Raises:
        BackendError: Its probe failed.
    """
    found = remembered_probe(name)
    if found.status == "broken":
        raise BackendError(f"{found.version or name} does not work here ({found.reason}); run: numbre-doctor")


def _refuse_dangerous(name: str, bundle: Bundle, artifact: Artifact) -> None:
    """Keeps a model file that crashes an engine, or exhausts it, out of this process.

    Raises:
        BackendError: Its trial failed.
    """
    reason = remembered_trial(name, bundle, artifact)
    if reason is not None:
        raise BackendError(f"{name} does not run {artifact.file} ({reason}); run: numbre-doctor --bundle {bundle.path}")


def replay(classifier: Classifier, golden: Golden) -> None:
    """The self test: the golden inputs must get the labels and scores that they got when the bundle was exported.

    Raises:
        BundleError: The recorded outputs are no scores.
        BackendError: A label differs, or a score by more than `MOST_DIFFERENCE`.
    """
    wrong, difference = replay_golden(classifier, golden)
    what = f"{classifier.backend} misreads {classifier.artifact.file}"
    if wrong:
        raise BackendError(
            f"{what}: {wrong} of {len(golden.inputs)} golden vectors "
            "get another label than at export; use another backend or version"
        )
    if difference > MOST_DIFFERENCE:
        raise BackendError(
            f"{what}: a golden score differs by {difference:.2f} from that at export, at most {MOST_DIFFERENCE} is "
            "allowed; use another backend or version"
        )
