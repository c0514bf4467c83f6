"""Teaches a bundle's network new pictures, so that it reads those and forgets nothing.

import numbre_teach

found = numbre_teach.teach("labelled/", "mine-int8")
found.lessons.after, found.original.lost     # shares, measured on the int8 file that was written
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numbre_runtime.first_use import at_first_use

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

__getattr__ = at_first_use(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
