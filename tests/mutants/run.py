"""Mutates room after room with mutmut and prints the share of mutants that tests kill: `python -m mutants.run`."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from mutants.rooms import ROOMS, Room

_ROOT = Path(__file__).resolve().parents[2]
_WORK = _ROOT / "build" / "mutants"
_PACKAGES = ("runtime/numbre_runtime", "export/numbre_export", "train/numbre_train")
_BESIDE = ("tests", "samples", "benchmarks", "docs", "README.md")
_TEXT_ALONE = (r"^\s*raise \w+\(", r'^\s*f?"', r"_log\.", r"warnings\.warn")
"""Lines whose mutants change the words of a message alone."""
_KILLED = (1, 3, 24, 36, 152, 255, -24, -11, -9)
"""Exit codes of mutmut's workers: a test failed, or the mutant ran past its time or crashed."""


def main() -> int:
    """Runs the rooms; exit code 1 if one stays below the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=tuple(ROOMS), default=tuple(ROOMS))
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each room, drawn with --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--goal", type=float, default=0.85, help="share to be killed (default: 0.85)")
    args = parser.parse_args()
    low = False
    print("| room | mutants | tried | killed |\n|---|---|---|---|")
    for name in args.only:
        made, verdicts = _run(name, ROOMS[name], args.sample, args.seed)
        killed = sum(code in _KILLED for code in verdicts.values())
        share = killed / len(verdicts) if verdicts else 0.0
        low = low or share < args.goal
        print(f"| {name} | {made} | {len(verdicts)} | {share:.0%} |", flush=True)
        for mutant, code in verdicts.items():
            if code not in _KILLED:
                print(f"  {'no test' if code == 33 else 'survived'}: {mutant}", file=sys.stderr, flush=True)
    return int(low)


def _run(name: str, room: Room, sample: int | None, seed: int) -> tuple[int, Mapping[str, int]]:
    """Mutates a room in a folder of its own; gives how many mutants there are and the exit code of each that ran."""
    folder = _WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for package in _PACKAGES:
        shutil.copytree(_ROOT / package, folder / Path(package).name, ignore=shutil.ignore_patterns("__pycache__"))
    for beside in _BESIDE:
        source = _ROOT / beside
        if source.is_dir():
            shutil.copytree(source, folder / beside, ignore=shutil.ignore_patterns("__pycache__", "results"))
        else:
            shutil.copy(source, folder / beside)
    (folder / "pyproject.toml").write_text(_settings(room))
    environment = {**os.environ, "PYTHONPATH": str(folder / "mutants"), "PYTHONDONTWRITEBYTECODE": "1"}

    def mutmut(*words: str) -> None:
        with (folder / "log.txt").open("ab") as log:
            command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *words]
            subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False)

    chosen: list[str] = []
    if sample is not None:
        # A name that no mutant has: mutmut makes the mutants and runs none.
        mutmut("none.at.all")
        names = sorted(_verdicts(folder))
        chosen = random.Random(seed).sample(names, min(sample, len(names)))  # noqa: S311 - a repeatable draw
    mutmut(*chosen)
    every = _verdicts(folder)
    return len(every), {mutant: code for mutant, code in every.items() if code is not None}


def _settings(room: Room) -> str:
    """The folder's pyproject.toml."""
    packages = [Path(package).name for package in _PACKAGES]
    return "\n".join(
        [
            "[tool.mutmut]",
            f"source_paths = {json.dumps(packages)}",
            f"only_mutate = {json.dumps(room.modules)}",
            f"also_copy = {json.dumps(_BESIDE)}",
            f"do_not_mutate_patterns = {json.dumps(_TEXT_ALONE)}",
            f"pytest_add_cli_args_test_selection = {json.dumps([f'tests/{test}' for test in room.tests])}",
            'pytest_add_cli_args = ["-p", "no:cacheprovider"]',
            "use_git_change_detection = false",
            "[tool.pytest.ini_options]",
            'pythonpath = ["benchmarks", "tests"]',
            'markers = ["slow: needs minutes"]',
        ]
    )


def _verdicts(folder: Path) -> dict[str, int | None]:
    """Every mutant's exit code, None where it was not run."""
    found: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").rglob("*.meta")):
        found.update(json.loads(path.read_text())["exit_code_by_key"])
    return found


if __name__ == "__main__":
    raise SystemExit(main())
