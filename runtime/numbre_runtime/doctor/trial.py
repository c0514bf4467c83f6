"""Tries a model file once, in a child process within limits, before the calling process opens it.

The structural check finds what can be told from a file. What is left, such as a convolution whose stride is 0 or a
padding that asks for gigabytes, ends the child by a signal or at a limit, and not the program that loads a bundle.
"""

from __future__ import annotations

from pathlib import Path

from numbre_runtime.bundle import Bundle, read_bundle
from numbre_runtime.child import NoChildError, run_child, say
from numbre_runtime.classifier import open_artifact, replay_golden
from numbre_runtime.errors import BackendError, BundleError, NumbreError, one_line
from numbre_runtime.manifest import Artifact
from numbre_runtime.process_limits import limit_process

MEMORY_LIMIT = 1 << 30
"""Bytes of data that the child may hold; engine and interpreter take some 100 MB of it."""
PROCESSOR_SECONDS = 60
"""Seconds of processor time that the child may take."""
_TIMEOUT_S = 120.0


def trial(name: str, bundle: Bundle, artifact: Artifact) -> str | None:
    """Opens an artifact with a backend and runs its golden inputs, in a child process.

    Args:
        name: The backend's name.
        bundle: The bundle, which the child reads again.
        artifact: One of its artifacts.

    Returns:
        What went wrong: the signal, the limit or the engine's message; None if nothing did, or if no child process can
        be started.

    Raises:
        BundleError: The bundle is at fault, not the model file; nothing may be remembered of the file.
    """
    code = "import sys; from numbre_runtime.doctor.trial import child; child(*sys.argv[1:])"
    words = (name, str(bundle.path.absolute()), artifact.file, artifact.sha256)
    try:
        ended = run_child(code, *words, timeout_s=_TIMEOUT_S)
    except NoChildError:
        return None
    if "bundle" in ended.facts:
        raise BundleError(str(ended.facts["bundle"]))
    if ended.facts.get("works") or not ended.facts:
        return None
    return str(ended.facts.get("reason", ended.ending))


def child(name: str, path: str, file: str, sha256: str) -> None:
    """What runs in the child process."""
    say(started=True)
    limit_process(MEMORY_LIMIT, PROCESSOR_SECONDS)
    try:
        bundle = read_bundle(Path(path))
        artifact = bundle.artifact(file)
        if artifact.sha256 != sha256:
            raise BackendError(f"{path} has changed while it was read")
        wrong, _ = replay_golden(open_artifact(bundle, artifact, name), bundle.golden())
        # Whether an engine computes rightly is for the caller to judge, who falls back to another one.
        say(works=True, wrong=wrong)
    except BundleError as cause:
        # The manifest or the golden vectors are at fault, which says nothing of the model file.
        say(bundle=one_line(cause))
    except NumbreError as cause:
        say(reason=one_line(cause))
    except Exception as cause:  # noqa: BLE001 - whatever an engine raises is the finding
        say(reason=f"{type(cause).__name__}: {one_line(cause)[:300]}")
