"""Whether a backend works on this machine, tried in a child process.

An import alone does not tell: tflite-runtime imports under NumPy 2 and fails when an interpreter is made, a build for
another processor dies of an illegal instruction at the first inference, and some engines run and compute wrongly. So
the child goes all the way to the golden outputs of every model that ships here, and says at each stage where it is; a
crash by a signal ends the child alone.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from numbre_runtime.backends import backend_format
from numbre_runtime.bundle import read_bundle, shipped_bundles
from numbre_runtime.child import Ended, NoChildError, run_child, say
from numbre_runtime.classifier import open_artifact, replay_golden
from numbre_runtime.doctor.engines import MODULES, PACKAGES, Probe
from numbre_runtime.errors import BackendError

STAGES = ("import", "load", "inference", "golden outputs")
"""What a probe goes through, in this order."""

_TIMEOUT_S = 120.0


def probe(name: str) -> Probe:
    """Tries a backend in a child process.

    Args:
        name: A backend's name.

    Raises:
        BackendError: There is no backend of that name.
    """
    backend_format(name)
    if find_spec(MODULES[name].partition(".")[0]) is None:
        return Probe(name, "not installed")
    code = f"from numbre_runtime.doctor.probe import child; child({name!r})"
    try:
        return _read(name, run_child(code, timeout_s=_TIMEOUT_S))
    except NoChildError as cause:
        return Probe(name, "not tried", reason=str(cause))


def child(name: str) -> None:
    """What runs in the child process: each stage prints a line of JSON, so that a crash leaves a trace."""
    try:
        say(stage=STAGES[0])
        import_module(MODULES[name])
        for path in shipped_bundles():
            _try_bundle(name, path)
        say(works=True)
    except Exception as cause:  # noqa: BLE001 - whatever an engine raises is the finding
        root: BaseException = cause
        while isinstance(root, BackendError) and root.__cause__ is not None:
            root = root.__cause__
        say(reason=f"{type(root).__name__}: {' '.join(str(root).split())[:300]}")


def _try_bundle(name: str, path: Path) -> None:
    """Loads a bundle's first artifact for a backend, if it has one, and replays its golden outputs."""
    say(stage=STAGES[1])
    bundle = read_bundle(path)
    kind = backend_format(name)
    artifact = next((item for item in bundle.manifest.artifacts if item.format == kind), None)
    if artifact is None:
        return
    classifier = open_artifact(bundle, artifact, name)
    golden = bundle.golden()
    say(stage=STAGES[2], version=classifier.backend)
    classifier.predict(golden.inputs[0])
    say(stage=STAGES[3])
    wrong = replay_golden(classifier, golden).wrong
    if wrong:
        raise BackendError(
            f"{wrong} of {len(golden.inputs)} golden images of {path.name} get another label than at export"
        )


def _read(name: str, ended: Ended) -> Probe:
    """Puts together what the child said before it ended."""
    facts = ended.facts
    version = str(facts.get("version", ""))
    if facts.get("works"):
        return Probe(name, "works", version)
    if not facts:
        return Probe(name, "not tried", reason=ended.ending)
    reason = str(facts.get("reason", ended.ending))
    return Probe(name, "broken", version or _installed(name), str(facts["stage"]), reason)


def _installed(name: str) -> str:
    """Name and version of an engine that did not get as far as to say them."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{name} {version(PACKAGES[name])}"
    except PackageNotFoundError:
        return ""
