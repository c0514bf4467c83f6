"""Probes remembered from one start to the next, as long as nothing changes that they depend on."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from numbre_runtime.bundle import Bundle
from numbre_runtime.cache import cache_directory
from numbre_runtime.doctor.engines import MODULES, Probe
from numbre_runtime.errors import BackendError, OutputError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.manifest import Artifact
from numbre_runtime.strict_json import parse_json
from numbre_runtime.text import json_text

_LIMIT = 1 << 20
_KEPT = 256
"""Probes and trials that the file keeps; the oldest goes first."""


def remembered_probe(name: str) -> Probe:
    """As `probe`, but from the cache if it was tried with these versions on this board before.

    The cache is probes.json in `NUMBRE_CACHE_DIR` or the user's cache directory; without one that can be written, every
    call probes.
    """
    key = _key(name)
    if key is None:
        return Probe(name, "not installed")
    path = _path()
    known = _read(path)
    entry = known.get(key)
    if isinstance(entry, dict):
        with suppress(TypeError):
            return Probe(**entry)
    from numbre_runtime.doctor.probe import probe

    result = probe(name)
    if result.status in ("works", "broken"):
        _remember(path, known, key, result._asdict())
    return result


def remembered_trial(name: str, bundle: Bundle, artifact: Artifact) -> str | None:
    """As `trial`, but from the cache if these bytes were tried with these versions on this board before."""
    key = _key(name)
    if key is None:
        # Opening it will say so.
        return None
    key = f"{key} {artifact.sha256}"
    path = _path()
    known = _read(path)
    entry = known.get(key)
    if isinstance(entry, dict) and isinstance(entry.get("reason", ""), str | None):
        remembered: str | None = entry.get("reason")
        return remembered
    from numbre_runtime.doctor.trial import trial

    reason = trial(name, bundle, artifact)
    _remember(path, known, key, {"reason": reason})
    return reason


def _remember(path: Path | None, known: dict[str, object], key: str, entry: dict[str, object]) -> None:
    if path is not None:
        known.pop(key, None)
        kept = dict([*known.items(), (key, entry)][-_KEPT:])
        with suppress(OutputError):
            write_atomic(path, json_text(kept, indent=1).encode())


def _key(name: str) -> str | None:
    """A digest of all that a probe's outcome depends on; None if the engine is not installed."""
    from numbre_runtime import __version__

    package = MODULES[name].partition(".")[0]
    spec = find_spec(package)
    if spec is None:
        return None
    origin = spec.origin or ""
    found = Path(origin)
    try:
        stamp = found.stat().st_mtime_ns
        # Path.glob takes five times as long, on every start.
        beside = os.listdir(found.parent.parent)  # noqa: PTH208
        versions = sorted(name for name in beside if name.startswith(f"{package}-") and name.endswith("-info"))
        board = Path("/proc/device-tree/model").read_bytes() if Path("/proc/device-tree/model").is_file() else b""
    except OSError:
        stamp, versions, board = 0, [], b""
    facts = (name, origin, stamp, versions, np.__version__, __version__, sys.version, platform.machine(), board)
    return f"{name} {hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"


def _path() -> Path | None:
    """The cache's file; None where there is no directory for it."""
    directory = cache_directory()
    return None if directory is None else directory / "probes.json"


def _read(path: Path | None) -> dict[str, object]:
    """What the file holds; nothing if it is missing or damaged, because it can always be made again."""
    if path is None:
        return {}
    try:
        known = parse_json(read_limited(path, _LIMIT, BackendError), str(path), BackendError)
    except BackendError:
        return {}
    return known if isinstance(known, dict) else {}
