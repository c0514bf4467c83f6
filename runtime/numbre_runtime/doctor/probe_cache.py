"""Probes remembered from one start to the next, as long as nothing changes that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from numbre_runtime.cache import cache_directory
from numbre_runtime.doctor.probe import MODULES, Probe, probe
from numbre_runtime.errors import BackendError, OutputError
from numbre_runtime.files import read_limited, write_atomic

_LIMIT = 1 << 20
_KEPT = 64
"""Probes that the file keeps; the oldest goes first."""


def remembered_probe(name: str) -> Probe:
    """As `probe`, but from the cache if it was tried with these versions on this board before.

    The cache is probes.json in `NUMBRE_CACHE_DIR` or the user's cache directory; without one that can be written, every
    call probes.
    """
    top = MODULES[name].partition(".")[0]
    spec = find_spec(top)
    if spec is None:
        return Probe(name, "not installed")
    key = _key(name, top, spec.origin or "")
    path = _path()
    known = _read(path)
    entry = known.get(key)
    if isinstance(entry, dict):
        with suppress(TypeError):
            return Probe(**entry)
    result = probe(name)
    if path is not None and result.status in ("works", "broken"):
        known.pop(key, None)
        kept = dict([*known.items(), (key, result._asdict())][-_KEPT:])
        with suppress(OutputError):
            write_atomic(path, json.dumps(kept, indent=1).encode())
    return result


def _key(name: str, package: str, origin: str) -> str:
    """A digest of all that a probe's outcome depends on."""
    from numbre_runtime import __version__

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
    """What the file holds; nothing if it is missing or damaged, for it can always be made again."""
    if path is None:
        return {}
    try:
        known = json.loads(read_limited(path, _LIMIT, BackendError))
    except (BackendError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
