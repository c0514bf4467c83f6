"""A result against an earlier one: what became slower than the two intervals explain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numbre_runtime.bench.statistics import LEAST_ROUNDS, overlap
from numbre_runtime.bench.summary import FORMAT
from numbre_runtime.bench.table import format_table
from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.strict_json import parse_json

_LIMIT = 64 << 20
_KEY = ("artifact", "engine", "threads")
_SLOWER = "slower"


def read_result(path: Path) -> dict[str, Any]:
    """A result that `numbre-bench --json` wrote.

    Raises:
        DataError: It is none, or lacks what a comparison needs.
    """
    return parse_result(read_limited(path, _LIMIT, DataError), str(path))


def parse_result(content: bytes, where: str) -> dict[str, Any]:
    """As `read_result`, of JSON text; `where` is what messages call it."""
    try:
        result = parse_json(content, where, DataError)
    except DataError as cause:
        raise DataError(f"{where}: no result of numbre-bench --json ({cause})") from cause
    if not (isinstance(result, dict) and result.get("format") == FORMAT and _is_complete(result)):
        raise DataError(f"{where}: no result of numbre-bench --json; measure it again with this version")
    return result


def _is_complete(result: Mapping[str, Any]) -> bool:
    """Whether a result has all fields that a comparison reads, with the right types."""
    rows = result.get("rows")
    return (
        isinstance(result.get("bundle"), str)
        and isinstance(result.get("machine"), str)
        and isinstance(rows, list)
        and all(isinstance(row, dict) and _is_row(row) for row in rows)
    )


def _is_row(row: Mapping[str, Any]) -> bool:
    named = all(isinstance(row.get(name), str) for name in ("artifact", "engine", "backend"))
    if not named or type(row.get("threads")) is not int:
        return False
    if "error" in row:
        return True
    median, interval = row.get("p50_us"), row.get("p50_interval_us", ())
    if interval is None:
        return _are_rising([median])
    return isinstance(interval, list) and len(interval) == 2 and _are_rising([interval[0], median, interval[1]])


def _are_rising(values: list[Any]) -> bool:
    """Whether they are finite numbers above 0, none of them below the one before."""
    return all(type(value) in (int, float) and 0 < value < math.inf for value in values) and values == sorted(values)


def comparison(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, bool]:
    """A table of what changed, and whether a row is slower: by more than its two intervals, or failing now."""
    earlier = {_key(row): row for row in old["rows"] if "error" not in row}
    lines = [("artifact", "backend", "threads", "before µs", "now µs", "change", "")]
    worse = False
    for row in new["rows"]:
        before = earlier.pop(_key(row), None)
        if before is None:
            continue
        cells = (row["artifact"], row["backend"], str(row["threads"]), f"{before['p50_us']:.1f}")
        if "error" in row:
            worse = True
            lines.append((*cells, "-", "-", "fails now"))
            continue
        change = row["p50_us"] / before["p50_us"] - 1
        verdict = _verdict(row["p50_interval_us"], before["p50_interval_us"], change)
        worse |= verdict == _SLOWER
        lines.append((*cells, f"{row['p50_us']:.1f}", f"{change:+.1%}", verdict))
    for row in earlier.values():
        cells = (row["artifact"], row["backend"], str(row["threads"]), f"{row['p50_us']:.1f}")
        lines.append((*cells, "-", "-", "not measured now"))
    text = format_table(lines)
    for name in ("machine", "bundle"):
        if old[name] != new[name]:
            text += f"\nwarning: the earlier result is of another {name}: {old[name]}"
    return text, worse


def _verdict(now: Sequence[float] | None, before: Sequence[float] | None, change: float) -> str:
    if now is None or before is None:
        return f"fewer than {LEAST_ROUNDS} rounds cannot tell"
    if overlap(now, before):
        return "within the intervals"
    return _SLOWER if change > 0 else "faster"


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)
