"""Faults at every point of every command, in turn: `python -m faults.run --only bench`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from faults.commands import COMMANDS
from faults.injection import chosen, complaint, points


def main() -> int:
    """Runs the commands; exit code 1 if something was lost, half-written or foreign and changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=tuple(COMMANDS), default=tuple(COMMANDS))
    parser.add_argument("--sample", type=int, metavar="N", help="so many points of each command, drawn with --seed")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    broken = 0
    for name in args.only:
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory)
            found = points(COMMANDS[name], place / "undisturbed")
            tried = chosen(found, args.sample, args.seed)
            print(f"{name}: {len(found)} calls that change files, {len(tried)} faults tried", flush=True)
            for number, (point, fault) in enumerate(tried):
                said = complaint(COMMANDS[name], place / str(number), point, fault)
                if said is not None:
                    broken += 1
                    print(f"  {point} {fault}: {said}", flush=True)
    print(f"{broken} complaints")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
