"""Damaged inputs in turn for every target, for some minutes: `python -m fuzz.run --minutes 10`."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fuzz.corpus import SEEDS, damaged
from fuzz.guided import MISSING, guided
from fuzz.targets import ENGINES, TARGETS, _engine

FOUND = Path(__file__).parent / "found"
"""Inputs that broke a target; the tests replay them."""
_CORPORA = Path(__file__).resolve().parents[2] / "build" / "fuzz"
SLOW_S = 5.0
"""Processor seconds that no input may take."""


def fuzz(name: str, seconds: float, seed: int) -> tuple[int, list[str]]:
    """Feeds a target with damaged inputs.

    Returns:
        How many there were, and what each fault was.
    """
    target, allowed = TARGETS[name]
    seeds, rng = SEEDS[name](), np.random.default_rng(seed)
    tried, faults = 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        content = damaged(seeds, rng)
        tried += 1
        start = time.process_time()
        try:
            target(content)
        except allowed:
            pass
        except Exception as error:  # noqa: BLE001 - what must not come out is the finding
            faults.append(f"{name}: {type(error).__name__}: {error}")
            _keep(name, content)
        if time.process_time() - start > SLOW_S:
            faults.append(f"{name}: {time.process_time() - start:.1f} s")
            _keep(name, content)
    return tried, faults


def _keep(name: str, content: bytes) -> None:
    FOUND.mkdir(exist_ok=True)
    (FOUND / f"{name}-{hash(content) & 0xFFFFFFFF:08x}").write_bytes(content)


def main() -> int:
    """Runs all targets; exit code 1 if one broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="inputs that reach new code, found by atheris")
    parser.add_argument("--only", nargs="*", choices=tuple(TARGETS), default=tuple(TARGETS))
    args = parser.parse_args()
    if args.guided and find_spec("atheris") is None:
        print(MISSING, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    total, broken = 0, 0
    for name in args.only:
        seconds = 60 * args.minutes / len(args.only)
        tried, faults = guided(name, seconds, _CORPORA) if args.guided else fuzz(name, seconds, args.seed)
        inside = name in ENGINES and not args.guided
        deaths = f", {_engine(name.removesuffix('_backend')).deaths} children died" if inside else ""
        print(f"{name:20} {tried:9,} inputs, {len(faults)} faults{deaths}", flush=True)
        for fault in list(dict.fromkeys(faults))[:5]:
            print(f"  {fault[:200]}", flush=True)
        total, broken = total + tried, broken + len(faults)
    print(f"{'together':20} {total:9,} inputs, {broken} faults")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
