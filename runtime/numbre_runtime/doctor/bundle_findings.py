"""What is wrong with a bundle, file by file and backend by backend; nothing of it is run in this process."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import read_bundle
from numbre_runtime.classifier import check_artifact
from numbre_runtime.doctor.engines import MODULES
from numbre_runtime.doctor.trial import trial
from numbre_runtime.errors import BundleError


class Finding(NamedTuple):
    """What came of trying one file with one backend."""

    file: str
    """The model file; empty if the bundle as a whole cannot be read."""
    backend: str
    """The backend's name; empty where the file is refused before any backend sees it."""
    problem: str
    """What is wrong, in one line; empty if nothing is."""


def bundle_findings(path: Path) -> list[Finding]:
    """Reads a bundle, checks each model file's structure, and tries it in a child process with each backend.

    Args:
        path: The bundle's directory.

    Returns:
        A finding for each file and installed backend that runs such files; one alone if the bundle cannot be read.
    """
    try:
        bundle = read_bundle(path)
        bundle.golden()
    except BundleError as cause:
        return [Finding("", "", str(cause))]
    findings = []
    for artifact in bundle.manifest.artifacts:
        try:
            check_artifact(bundle, artifact)
        except BundleError as cause:
            findings.append(Finding(artifact.file, "", str(cause)))
            continue
        for name in BACKENDS:
            if backend_format(name) == artifact.format and find_spec(MODULES[name].partition(".")[0]) is not None:
                problem = trial(name, bundle, artifact) or ""
                # The numpy backend runs int8 files alone.
                if name != "numpy" or not problem or artifact.precision == "int8":
                    findings.append(Finding(artifact.file, name, problem))
    return findings
