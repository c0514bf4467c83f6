"""Flash, RAM and stack of a C library, as arm-none-eabi-gcc compiles it for a Cortex-M0+."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from numbre_export.c.c_model import CModel
from numbre_export.c.model_source import model_files

_FLAGS = (
    *("-std=c99", "-Os", "-mthumb", "-mcpu=cortex-m0plus", "-ffreestanding", "-nostdlib", "-nostartfiles"),
    *("-ffunction-sections", "-fdata-sections"),
)
_SECONDS = 120


class Footprint(NamedTuple):
    """What a library takes of a board, in bytes; the caller's image and scores are not counted."""

    flash: int
    """Code and constants, with what they need of the compiler's own library."""
    ram: int
    """The static buffer and the deepest stack."""
    stack: int
    """The deepest stack, of which the compiler's own library is not known."""
    compiler: str
    """Its name and version, and what it compiled for."""


def footprint(model: CModel) -> Footprint | None:
    """Compiles the library; None where arm-none-eabi-gcc is not installed (Debian: gcc-arm-none-eabi)."""
    compiler = shutil.which("arm-none-eabi-gcc")
    size = shutil.which("arm-none-eabi-size")
    if compiler is None or size is None:
        return None
    version = _run(compiler, "-dumpfullversion").strip()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for name, text in model_files(model).items():
            (folder / name).write_text(text, encoding="utf-8")
        entry = f"{model.prefix}_{'run' if model.pictures is None else 'predict'}"
        _run(compiler, *_FLAGS, "-fcallgraph-info=su", "-c", "model.c", "-o", "model.o", cwd=folder)
        linking = ("-Wl,--gc-sections", f"-Wl,--entry={entry}", "model.o", "-lgcc", "-o", "model.elf")
        _run(compiler, *_FLAGS, *linking, cwd=folder)
        code, data, bss = (int(field) for field in _run(size, "model.elf", cwd=folder).splitlines()[1].split()[:3])
        stack = _deepest_stack((folder / "model.ci").read_text(encoding="utf-8"), entry)
    return Footprint(code + data, data + bss + stack, stack, f"arm-none-eabi-gcc {version}, Cortex-M0+, -Os")


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=_SECONDS)
    return done.stdout


def _deepest_stack(call_graph: str, entry: str) -> int:
    """Bytes of stack on the deepest way down from a function, by gcc's -fcallgraph-info=su; nothing here recurses."""
    nodes = re.findall(r'node: \{ title: "([^"]+)" label: "(\w+)[^"]*?(\d+) bytes', call_graph)
    own = {title: int(count) for title, _, count in nodes}
    calls: dict[str, list[str]] = {}
    for caller, called in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', call_graph):
        calls.setdefault(caller, []).append(called)

    def depth(title: str) -> int:
        return own.get(title, 0) + max((depth(called) for called in calls.get(title, [])), default=0)

    return depth(next(title for title, name, _ in nodes if name.startswith(entry)))
