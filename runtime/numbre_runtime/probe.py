"""Whether a backend works on this machine, tried in a child process.

An import alone does not tell: tflite-runtime imports under NumPy 2 and fails when an interpreter is made, a build for
another processor dies of an illegal instruction at the first inference, and some engines run and compute wrongly. So
the child goes all the way to the golden outputs of the model that ships here, and says at each stage where it is; a
crash by a signal ends the child alone.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from numbre_runtime.backends import backend, backend_format
from numbre_runtime.bundle import DEFAULT_BUNDLE, read_bundle
from numbre_runtime.classifier import Classifier, wrong_labels
from numbre_runtime.errors import BackendError

MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
}
"""Backend name to the module that is its engine."""

PACKAGES = {
    "litert": "ai-edge-litert",
    "tflite_runtime": "tflite-runtime",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
}
"""Backend name to the package that pip installs."""

STAGES = ("import", "load", "inference", "golden outputs")
"""What a probe goes through, in this order."""

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Probe:
    """What a probe found."""

    backend: str
    """The backend's name."""
    status: str
    """"works", "not installed", "broken", or "not tried" where no child process can be started."""
    version: str = ""
    """The engine's name and version, "litert 2.3.0", as far as it got."""
    stage: str = ""
    """Where it broke, one of `STAGES`."""
    reason: str = ""
    """What went wrong: the engine's own message, or the signal."""


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
    import subprocess

    # -P keeps the current directory out of the search path; the child finds what the parent finds, and no more.
    command = [sys.executable, "-P", "-c", f"from numbre_runtime.probe import child; child({name!r})"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, env=environment, check=False)
    except subprocess.TimeoutExpired as late:
        return _read(name, late.stdout or b"", f"no answer within {_TIMEOUT_S:.0f} s")
    except OSError as cause:
        return Probe(name, "not tried", reason=f"no child process can be started ({cause.strerror or cause})")
    return _read(name, done.stdout, _ending(done.returncode, done.stderr))


def child(name: str) -> None:
    """What runs in the child process: each stage prints a line of JSON, so that a crash leaves a trace."""
    try:
        _say(stage=STAGES[0])
        import_module(MODULES[name])
        _say(stage=STAGES[1])
        bundle = read_bundle(DEFAULT_BUNDLE)
        kind = backend_format(name)
        artifact = next(item for item in bundle.manifest.artifacts if item.format == kind)
        session = backend(name).open_model(bundle.contents[artifact.file], 1)
        classifier = Classifier(artifact, bundle.manifest, session)
        golden = bundle.golden()
        _say(stage=STAGES[2], version=classifier.backend)
        classifier.predict(golden.inputs[0])
        _say(stage=STAGES[3])
        wrong = wrong_labels(classifier, golden)
        if wrong:
            raise BackendError(f"{wrong} of {len(golden.inputs)} golden images get another label than at export")
        _say(works=True)
    except Exception as cause:  # noqa: BLE001 - whatever an engine raises is the finding
        root: BaseException = cause
        while isinstance(root, BackendError) and root.__cause__ is not None:
            root = root.__cause__
        _say(reason=f"{type(root).__name__}: {' '.join(str(root).split())[:300]}")


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _read(name: str, output: bytes, ending: str) -> Probe:
    """Puts together what the child said before it ended."""
    facts: dict[str, str] = {}
    for line in output.decode(errors="replace").splitlines():
        # An engine may print lines of its own, and a crash may cut the last one short.
        if line.startswith("{") and line.endswith("}"):
            try:
                facts.update(json.loads(line))
            except ValueError:
                continue
    version = str(facts.get("version", ""))
    if facts.get("works"):
        return Probe(name, "works", version)
    if not facts:
        return Probe(name, "not tried", reason=ending)
    return Probe(name, "broken", version or _installed(name), str(facts["stage"]), str(facts.get("reason", ending)))


def _installed(name: str) -> str:
    """Name and version of an engine that did not get as far as to say them."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{name} {version(PACKAGES[name])}"
    except PackageNotFoundError:
        return ""


def _ending(code: int, errors: bytes) -> str:
    """Why a child ended that did not say so itself."""
    # A shell between the two (a wrapper script) reports signal 4 as exit code 132.
    number = -code if code < 0 else code - 128
    if number > 0:
        import signal

        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"exit code {code}: {lines[-1][:300] if lines else 'no message'}"
