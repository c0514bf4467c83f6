"""What docs/raspberry-pi.md tells a reader to type, so that what is tried and what is written are one."""

from __future__ import annotations

from pathlib import Path

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "raspberry-pi.md"


def code_blocks(heading: str, language: str = "", page: str | None = None) -> list[str]:
    """The fenced blocks between a heading and the next one.

    Args:
        heading: How the heading begins, "## 64-bit".
        language: What stands behind the fence; commands have nothing there.
        page: The page's text; None is the guide's.

    Raises:
        ValueError: No heading begins so, or there is no such block under it.
    """
    found: list[str] = []
    here, fence, block = False, None, list[str]()
    for line in (GUIDE.read_text(encoding="utf-8") if page is None else page).splitlines():
        if fence is not None and line == "```":
            if here and fence == language:
                found.append("\n".join(block))
            fence = None
        elif fence is not None:
            block.append(line)
        elif line.startswith("```"):
            fence, block = line[3:], []
        elif line.startswith("#"):
            here = line.startswith(heading)
    if not found:
        raise ValueError(f"{GUIDE.name}: no block of commands under a heading '{heading}'")
    return found


def packages(commands: str) -> list[str]:
    """Debian's packages that these commands install."""
    words = [line.split() for line in commands.splitlines()]
    return [name for line in words if line[:3] == ["sudo", "apt", "install"] for name in line[3:]]


def without_packages(commands: str) -> str:
    """The other commands."""
    return "\n".join(line for line in commands.splitlines() if not line.startswith("sudo apt install "))
