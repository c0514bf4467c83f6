"""The cases of a benchmark: artifact × installed backend × number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.doctor.engines import MODULES, PACKAGES
from numbre_runtime.errors import BackendNotInstalledError, BundleError
from numbre_runtime.manifest import Manifest


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    artifact: str
    """File name of the artifact."""
    backend: str
    """Name of the backend."""
    threads: int
    """Threads that the engine may use for one call."""


def cases(manifest: Manifest, backend: str | None, threads: Sequence[int]) -> list[Case]:
    """Every combination that can be tried here, in the order of the bundle's artifacts.

    Args:
        manifest: The bundle's.
        backend: Only this one; None is every one that is installed.
        threads: The numbers of threads. NumPy's are set where it is started, not by `load`, so that the numpy
            backend has one row, with one.

    Raises:
        BackendNotInstalledError: The backend asked for is not installed.
        BundleError: It runs none of the artifacts.
    """
    names = [name for name in BACKENDS if backend in (None, name)]
    installed = [name for name in names if find_spec(MODULES[name].partition(".")[0]) is not None]
    if not installed:
        raise BackendNotInstalledError(f"{PACKAGES[names[0]]} is not installed; run: numbre-doctor")
    found = [
        Case(artifact.file, name, count)
        for artifact in manifest.artifacts
        for name in installed
        if backend_format(name) == artifact.format
        for count in (threads if name != "numpy" else (1,))
    ]
    if not found:
        raise BundleError(f"{manifest.name}: has no artifact that {', '.join(installed)} runs")
    return found
