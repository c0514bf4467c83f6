"""`make test-pi`: installs the runtime on emulated boards as the guide says, and holds what it computes against x86.

Exit code 0: every board agrees, or cannot be emulated here, for a reason that is printed; 1: a board does not agree.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from emulated.boards import BOARDS, Board, System
from emulated.matrix import full_table, save
from emulated.reference import ROOT, Reference
from emulated.trial import IMAGES, try_system
from emulated.userland import CannotEmulateError, make_emulator
from emulated.x86 import without_vnni

Attempt = Callable[[System, list[Board]], list[dict[str, Any]]]
"""Gives the results of a system's boards; see `try_system`."""


def main() -> int:
    """Runs the boards and writes the matrix."""
    parser = argparse.ArgumentParser(description="Tries the runtime on emulated Raspberry Pi boards.")
    parser.add_argument("--board", action="append", choices=[board.name for board in BOARDS], help="(default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="systems at a time (default: 2)")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "emulated", help="(default: build/emulated)")
    args = parser.parse_args()
    boards = [board for board in BOARDS if args.board is None or board.name in args.board]
    start = time.monotonic()
    lock, tables = threading.Lock(), list[str]()
    try:
        emulator = make_emulator(args.work / "qemu")
    except CannotEmulateError as reason:
        print(f"skipped: no board can be emulated here ({reason})")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        reference = Reference(scratch, {IMAGES, *(board.images for board in BOARDS)})

        def attempt(system: System, its_boards: list[Board]) -> list[dict[str, Any]]:
            found = try_system(system, its_boards, reference, args.work, scratch, emulator)
            with lock:
                # At once, so that an interruption leaves what is known.
                tables.append(_save(found, reference))
            return found

        results, skipped = try_all(boards, attempt, args.jobs)
        faults = without_vnni(reference, emulator, scratch)
    faults += [fault for result in results.values() for fault in result["faults"]]
    print(*tables[-1:])
    for fault in faults:
        print(f"FAULT: {fault}")
    tried = f"{len(results)} boards, {len(skipped)} skipped, {len(faults)} faults"
    print(f"{tried}, {time.monotonic() - start:.0f} s")
    return 1 if faults else 0


def _save(found: list[dict[str, Any]], reference: Reference) -> str:
    """Writes results, but of boards that did not get as far as one; gives the table of all that are known."""
    measured = {
        result["name"]: {key: value for key, value in result.items() if key != "faults"}
        for result in found
        if result["cells"]
    }
    return full_table(save(measured, reference.files, [board.name for board in BOARDS]))


def try_all(boards: list[Board], attempt: Attempt, jobs: int) -> tuple[dict[str, dict[str, Any]], list[Board]]:
    """Tries boards, several systems at a time, and says of each what became of it.

    Returns:
        Board's name to its result, and the boards that cannot be emulated here.
    """
    results: dict[str, dict[str, Any]] = {}
    skipped: list[Board] = []

    def try_one(group: tuple[System, list[Board]]) -> None:
        system, its_boards = group
        try:
            found = {result["name"]: result for result in attempt(system, its_boards)}
            results.update(found)
            said = {name: f"{len(result['faults'])} faults" for name, result in found.items()}
        except CannotEmulateError as reason:
            skipped.extend(its_boards)
            said = {board.name: f"skipped: {reason}" for board in its_boards}
        sys.stdout.write("".join(f"{board.title} with {system.title}: {said[board.name]}\n" for board in its_boards))
        sys.stdout.flush()

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(try_one, _systems(boards)))
    return results, skipped


def _systems(boards: list[Board]) -> list[tuple[System, list[Board]]]:
    """Boards by the system that they run; those that take longest first."""
    groups: dict[System, list[Board]] = {}
    for board in boards:
        groups.setdefault(board.system, []).append(board)
    return sorted(groups.items(), key=lambda group: -sum(board.images for board in group[1]))


if __name__ == "__main__":
    sys.exit(main())
