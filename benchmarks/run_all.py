"""Every benchmark in turn, then the tables of README and docs/benchmarks.md; `make bench` takes about half an hour.

A benchmark that fails, or takes too long, leaves its earlier result as it was, and the others go on.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import doc_tables

SCRIPTS = (
    "latency",
    "cold_start",
    "footprint",
    "peers",
    "parity",
    "train_speed",
    "real_digits",
    "pictures",
    "score",
    "c_library",
    "serve_load",
    "teach",
)
_LIMIT_S = 1800
_HERE = Path(__file__).resolve().parent


def main() -> int:
    """Runs them; exit code 1 if one failed or missed a bound."""
    failed = []
    for name in sys.argv[1:] or SCRIPTS:
        print(f"--- {name}", flush=True)
        start = time.perf_counter()
        try:
            code = subprocess.run([sys.executable, _HERE / f"{name}.py"], timeout=_LIMIT_S, check=False).returncode
        except subprocess.TimeoutExpired:
            code = -1
            print(f"{name}: ended after {_LIMIT_S} s", flush=True)
        print(f"--- {name}: {time.perf_counter() - start:.0f} s, exit code {code}", flush=True)
        if code:
            failed.append(name)
    doc_tables.main()
    if failed:
        print(f"failed, or missed a bound: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
