"""Writes docs/api.md: the public names of the three packages, each with the first line of its docstring."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

PACKAGES = ("numbre_runtime", "numbre_train", "numbre_export", "numbre_teach")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
_HEAD = """# Python API

The public names of the three packages; whatever is not listed here may change. `make docs` writes this page.
`help(numbre_runtime.load)` tells all about a name: arguments with their shapes, types and units, errors, an example.
"""


def api_page() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for package in PACKAGES:
        module = import_module(package)
        parts.append(f"## {package}\n\n{_about(module)}\n\n| name | what |\n|---|---|")
        parts += [_row(name, getattr(module, name)) for name in sorted(module.__all__, key=str.lower)]
        parts.append("")
    return "\n".join(parts)


def _about(value: object) -> str:
    """The first line of a docstring.

    Raises:
        ValueError: There is none.
    """
    text = inspect.getdoc(value)
    if not text:
        raise ValueError(f"{value!r} has no docstring")
    return text.splitlines()[0]


def _row(name: str, value: object) -> str:
    kind = "" if inspect.isclass(value) else "()"
    lines = [f"| `{name}{kind}` | {_about(value)} |"]
    if inspect.isclass(value) and not issubclass(value, BaseException):
        for member, function in inspect.getmembers(
            value, lambda item: inspect.isfunction(item) or inspect.ismethod(item)
        ):
            if not member.startswith("_") and member in vars(value):
                lines.append(f"| `{name}.{member}()` | {_about(function)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(api_page(), encoding="utf-8")
