"""Public names that are imported when they are first asked for (PEP 562); the packages' own files import this first."""

from __future__ import annotations

import sys
from importlib import import_module

# As type checkers know it; importing `typing` takes 5 ms, in which Ctrl-C would still end in a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def at_first_use(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A package's `__getattr__`, so that its commands start before NumPy does.

    Args:
        package: The package's name.
        homes: Each public name to the module within the package that defines it.

    Example:
        >>> at_first_use("numbre_runtime", {"load": "loading"})("load").__module__
        'numbre_runtime.loading'
    """

    def attribute(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return attribute
