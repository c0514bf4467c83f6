"""Bounds that the user sets for a release: what misses one on the board is not switched to."""

from __future__ import annotations

import re
from typing import NamedTuple

from numbre_runtime.errors import DataError

_TIME_UNITS = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
_SIZE_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


class Budgets(NamedTuple):
    """The bounds; None bounds nothing."""

    max_p99_us: float | None = None
    """Largest 99th percentile of a single `predict` call, microseconds."""
    max_rss_bytes: float | None = None
    """Most memory that a process with the model may have held, bytes."""
    min_accuracy: float | None = None
    """Smallest share of the bundle's test data that is answered right, 0–1."""

    def options(self) -> list[str]:
        """As arguments for `release_check`."""
        return [f"--{name.replace('_', '-')}={value!r}" for name, value in self._asdict().items() if value is not None]


def parse_time(text: str) -> float:
    """Microseconds of "5ms", "800us" or "1.5s".

    Raises:
        DataError: It is no such time.

    Example:
        >>> parse_time("5ms")
        5000.0
    """
    return _parse(text, _TIME_UNITS, "a time such as 5ms, 800us or 1.5s")


def parse_size(text: str) -> float:
    """Bytes of "80MB" or "600kB", in powers of 1,000.

    Raises:
        DataError: It is no such size.

    Example:
        >>> parse_size("80MB")
        80000000.0
    """
    return _parse(text, _SIZE_UNITS, "a size such as 80MB or 600kB")


def _parse(text: str, units: dict[str, float], expected: str) -> float:
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(\S{1,2})", text.strip())
    if found is None or found[2] not in units or not float(found[1]):
        raise DataError(f"{text!r:.40}: expected {expected}")
    return float(found[1]) * units[found[2]]
