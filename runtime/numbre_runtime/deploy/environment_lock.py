"""What an environment on a board is made of, and the name that releases share it by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from numbre_runtime.deploy.board_session import BoardFacts
from numbre_runtime.errors import OutputError
from numbre_runtime.files import read_limited
from numbre_runtime.remote.wheel import pip_wheel, runtime_wheel

_LARGEST_WHEEL = 256 << 20


class EnvironmentLock:
    """The runtime's wheel, pip's, perhaps all others, and the extras to install."""

    def __init__(self, facts: BoardFacts, extras: Sequence[str], constraints: str | None, wheels: Path | None) -> None:
        """Collects the wheels.

        Args:
            facts: The board.
            extras: Extras of numbre-runtime, "litert", "serve".
            constraints: The text of a pip constraints file, if any.
            wheels: A folder of wheels; None leaves it to the board's pip to get them from its index.

        Raises:
            OutputError: A wheel cannot be read.
        """
        runtime, pip = runtime_wheel(), pip_wheel()
        self.files: Mapping[str, bytes] = {**dict([runtime, pip]), **_read_wheels(wheels, {runtime[0], pip[0]})}
        """File name to content."""
        self.settings: dict[str, Any] = {
            "wheel": runtime[0],
            "extras": sorted(extras),
            "index": wheels is None,
            "constraints": constraints,
            "python": facts.python,
            "machine": facts.machine,
        }
        """What `board_script.BoardFolder.environment` needs besides the wheels."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """File name to SHA-256."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}

    @cached_property
    def name(self) -> str:
        """The environment's name: the beginning of the SHA-256 of all of it."""
        text = json.dumps([self.settings, self.digests], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def default_engines(facts: BoardFacts) -> tuple[str, ...]:
    """The extras for a board: 32-bit boards have no wheels of an engine, there NumPy computes the model."""
    return ("litert",) if facts.bits == 64 else ()


def _read_wheels(folder: Path | None, others: set[str]) -> dict[str, bytes]:
    if folder is None:
        return {}
    paths = sorted(path for path in folder.glob("*.whl") if path.name not in others)
    # Another build of the runtime would be chosen by chance.
    paths = [path for path in paths if not path.name.startswith("numbre_runtime-")]
    return {path.name: read_limited(path, _LARGEST_WHEEL, OutputError) for path in paths}
