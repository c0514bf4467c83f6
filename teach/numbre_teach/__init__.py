"""Teaches a bundle's network new pictures, so that it reads those and forgets nothing.

import numbre_teach

found = numbre_teach.teach("labelled/", "mine-int8")
found.lessons.after, found.original.lost     # shares, measured on the int8 file that was written
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numbre_teach.before_after import BeforeAfter
    from numbre_teach.fine_tuning import Course
    from numbre_teach.teaching import NotBetterError, Teaching, teach

__all__ = ["BeforeAfter", "Course", "NotBetterError", "Teaching", "teach"]

_HOMES = {
    "BeforeAfter": "before_after",
    "Course": "fine_tuning",
    "NotBetterError": "teaching",
    "Teaching": "teaching",
    "teach": "teaching",
}
"""Where the public names are defined."""


def __getattr__(name: str) -> object:
    """Imports a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
