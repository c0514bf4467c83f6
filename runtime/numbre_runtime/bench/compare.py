"""A result against an earlier one: what became slower than the two intervals explain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numbre_runtime.bench.statistics import overlap
from numbre_runtime.bench.summary import FORMAT
from numbre_runtime.bench.table import format_table
from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited

_LIMIT = 64 << 20
_KEY = ("artifact", "engine", "threads")


def read_result(path: Path) -> dict[str, Any]:
    """A result that `numbre-bench --json` wrote.

    Raises:
        DataError: It is none, or lacks what a comparison needs.
    """
    return parse_result(read_limited(path, _LIMIT, DataError), str(path))


def parse_result(content: bytes, where: str) -> dict[str, Any]:
    """As `read_result`, of JSON text; `where` is what messages call it."""
    try:
        result = json.loads(content)
        known = isinstance(result, dict) and result["format"] == FORMAT
        for row in result["rows"] if known else ():
            _key(row)
            if "error" not in row:
                low, high = row["p50_interval_us"]
                known &= 0 < float(low) <= float(row["p50_us"]) <= float(high)
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise DataError(f"{where}: no result of numbre-bench --json; measure it again with this version")
    return dict(result)


def comparison(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, bool]:
    """A table of what changed, and whether a row is slower: by more than its two intervals, or not running any more."""
    earlier = {_key(row): row for row in old["rows"] if "error" not in row}
    lines = [("artifact", "backend", "threads", "before µs", "now µs", "change", "")]
    worse = False
    for row in new["rows"]:
        before = earlier.pop(_key(row), None)
        if before is None:
            continue
        ends = (row["artifact"], row["backend"], str(row["threads"]), f"{before['p50_us']:.1f}")
        if "error" in row:
            worse = True
            lines.append((*ends, "-", "-", "fails now"))
            continue
        change = row["p50_us"] / before["p50_us"] - 1
        verdict = "within the intervals"
        if not overlap(row["p50_interval_us"], before["p50_interval_us"]):
            verdict = "slower" if change > 0 else "faster"
            worse |= change > 0
        lines.append((*ends, f"{row['p50_us']:.1f}", f"{change:+.1%}", verdict))
    text = format_table(lines) if len(lines) > 1 else "nothing that was measured before was measured now"
    if old.get("machine") != new["machine"]:
        text += f"\nwarning: the earlier result is of another machine: {old.get('machine')}"
    return text, worse


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)
