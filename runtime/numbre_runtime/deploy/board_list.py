"""A fleet's file: boards.toml.

bundle = "build/numbre-int8"      # what a board gets that names none of its own
engine = "litert"

[[board]]
host = "pi@kitchen.local"
tags = ["indoors"]
ssh = ["Port=2222"]               # as for ssh -o
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numbre_runtime.deploy.deployment import FOLDER, Destination
from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.remote.ssh import Host

ENGINES = ("litert", "onnx", "tflite", "none")
_LARGEST_LIST = 1 << 20
_MOST_BOARDS = 10_000
_TYPES: dict[str, type] = {"bundle": str, "engine": str, "python": str, "folder": str, "ssh": list}
_BOARD_TYPES = {**_TYPES, "host": str, "tags": list}


def read_boards(path: Path, tags: Sequence[str] = ()) -> list[Destination]:
    """Reads a fleet's file.

    Args:
        path: The file; a bundle in it is found from the file's own folder.
        tags: Only boards that have all of these.

    Raises:
        DataError: It is no such file, or no board has the tags.
    """
    try:
        found = tomllib.loads(read_limited(path, _LARGEST_LIST, DataError).decode())
    except ValueError as cause:
        if isinstance(cause, DataError):
            raise
        raise DataError(f"{path}: is no TOML ({cause})") from cause
    entries = found.pop("board", None)
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_BOARDS:
        raise DataError(f"{path}: expected 1 to {_MOST_BOARDS:,} tables [[board]] with a host each")
    _check(found, _TYPES, f"{path}")
    boards = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or not entry.get("host"):
            raise DataError(f"{path}: board {number} has no host")
        _check(entry, _BOARD_TYPES, f"{path}: board {number}")
        boards.append(_destination({**found, **entry}, path.parent))
    hosts = [board.host for board in boards]
    if len(set(hosts)) < len(hosts):
        twice = next(host.name for host in hosts if hosts.count(host) > 1)
        raise DataError(f"{path}: {twice} is there twice")
    chosen = [board for board in boards if set(tags) <= set(board.tags)]
    if not chosen:
        known = sorted({tag for board in boards for tag in board.tags})
        raise DataError(f"{path}: no board has the tags {', '.join(tags)}; there are {', '.join(known) or 'none'}")
    return chosen


def _check(table: dict[str, Any], types: dict[str, type], where: str) -> None:
    for name, value in table.items():
        if name not in types:
            raise DataError(f"{where}: unknown setting {name!r:.60}; expected {', '.join(types)}")
        words = value if isinstance(value, list) else [value]
        if not isinstance(value, types[name]) or not all(isinstance(word, str) for word in words):
            kind = "text" if types[name] is str else "a list of texts"
            raise DataError(f"{where}: {name} is {value!r:.60}; expected {kind}")
        if name == "engine" and value not in ENGINES:
            raise DataError(f"{where}: engine {value!r:.60}; expected {', '.join(ENGINES)}")


def _destination(entry: dict[str, Any], folder: Path) -> Destination:
    return Destination(
        Host(entry["host"], tuple(entry.get("ssh", ()))),
        entry.get("python", "python3"),
        entry.get("folder", FOLDER),
        entry.get("engine"),
        tuple(entry.get("tags", ())),
        _bundle(entry["bundle"], folder) if "bundle" in entry else None,
    )


def _bundle(place: str, folder: Path) -> Path:
    """A path below the file's folder; a name alone that is not there may be that of a bundle that ships."""
    path = folder / Path(place).expanduser()
    return path if path.exists() else Path(place)
