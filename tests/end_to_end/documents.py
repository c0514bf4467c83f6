"""The code blocks of README and docs as steps, in their order: what is typed, and what the page says it prints."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from conftest import ROOT
from numbre_runtime.cli.umbrella import GROUPS

PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OTHERS = {"curl", "journalctl", "ln", "make", "pip", "python3", "rpicam-still", "scp", "ssh", "sudo"}
_PROGRAMS = {*_OTHERS, "numbre", *(f"numbre-{item.name}" for group in GROUPS.values() for item in group)}
_DECIMAL = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class Step:
    """One thing that a reader types."""

    page: str
    """The page, README.md or docs/…"""
    block: int
    """Which steps print together: those of one block, or a command and its own output."""
    line: int
    """Its line on the page, counted from 1."""
    text: str
    """A command line, or a block of Python."""
    python: bool
    """Whether it is Python."""
    shown: str = ""
    """What the page says that it, and the steps before it of the same block, print; empty where nothing is shown."""

    @property
    def words(self) -> list[str]:
        """A command's words, the program without its directory."""
        words = shlex.split(self.text, comments=True)
        return [Path(words[0]).name, *words[1:]] if words else []

    @property
    def numbre(self) -> bool:
        """Whether it is a command of NUMBRE's."""
        return not self.python and self.words[0].startswith("numbre")


def steps(page: str) -> list[Step]:
    """The steps of a page in order; a block of nothing but output belongs to the block before it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[Step] = []
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 2
        kind, content = block.groups()
        if kind == "python":
            found.append(Step(page, line, line, content, python=True))
        elif kind == "":
            typed = _typed(page, line, content)
            if not typed and found and not found[-1].shown:
                found[-1] = replace(found[-1], shown=content)
            found += typed
    return found


def _typed(page: str, first: int, content: str) -> list[Step]:
    """The commands of a block; where they stand behind `$ `, each with the lines of output below it."""
    found: list[Step] = []
    prompted = content.startswith("$ ")
    for number, line in enumerate(content.replace("\\\n", "  ").splitlines(), first):
        if line.startswith("$ ") or (not prompted and _is_command(line)):
            found.append(Step(page, number if prompted else first, number, line.removeprefix("$ "), python=False))
        elif prompted:
            found[-1] = replace(found[-1], shown=f"{found[-1].shown}{line}\n")
    return found


def _is_command(line: str) -> bool:
    # An error begins with its command's name and a colon.
    return Path(line.split(" ")[0]).name in _PROGRAMS and not re.match(r"numbre[\w -]*: ", line)


def same_output(shown: str, printed: str) -> bool:
    """Whether a command printed what a page shows: `…` stands for anything, decimals may differ by 5%.

    A figure such as a confidence moves with the model that ships; all else is compared as it is.
    """
    parts = re.split(rf"(…|{_DECIMAL.pattern})", shown.strip())
    pattern = "".join(
        ".*?" if part == "…" else _DECIMAL.pattern if _DECIMAL.fullmatch(part) else re.escape(part) for part in parts
    )
    matched = re.fullmatch(pattern, printed.strip(), re.DOTALL)
    if matched is None:
        return False
    if "…" in shown:
        return True
    pairs = zip(_DECIMAL.findall(shown), _DECIMAL.findall(printed), strict=True)
    return all(math.isclose(float(one), float(other), rel_tol=0.05, abs_tol=0.01) for one, other in pairs)
