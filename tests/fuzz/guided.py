"""Inputs that reach new code, found by atheris (libFuzzer): `python -m fuzz.guided picture -max_total_time=60`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from fuzz.corpus import SEEDS

_PACKAGES = ["numbre_runtime", "numbre_export", "numbre_train"]
_DONE = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
MISSING = "atheris is not installed; run: pip install --constraint constraints.txt '.[fuzz]'"
"""What to do where it is missing."""


def guided(name: str, seconds: float, folder: Path) -> tuple[int, list[str]]:
    """Runs a target in a process of its own.

    Args:
        name: A target's name.
        seconds: How long.
        folder: Keeps the inputs that reached new code, from one run to the next.

    Returns:
        How many inputs there were, and what the fault was; the process ends at the first one.
    """
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(SEEDS[name]()):
        (corpus / f"sound-{number}").write_bytes(content)
    options = [
        f"-max_total_time={max(1, round(seconds))}",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/{name}-",
    ]
    command = [sys.executable, "-m", "fuzz.guided", name, "-timeout=20", "-rss_limit_mb=4096", *options, str(corpus)]
    done = subprocess.run(command, capture_output=True, check=False, env=dict(os.environ))
    found = _DONE.search(done.stderr)
    tried = int(found[1]) if found else 0
    lines = done.stderr.decode(errors="replace").splitlines()
    return tried, [] if done.returncode == 0 else [f"{name}: exit code {done.returncode}", *lines[-12:]]


def main() -> int:
    """The process: libFuzzer's command line, after the target's name."""
    try:
        import atheris
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=_PACKAGES):
        from fuzz.targets import TARGETS

    target, allowed = TARGETS[sys.argv[1]]

    def one(content: bytes) -> None:
        try:
            target(content)
        except allowed:
            return

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
