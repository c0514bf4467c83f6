"""What numbre-teach makes of few pictures: shots a class, before and after, and what the original rows lose.

Without `--data` the pictures are those of `optical_digits`. Of each class the same part is kept to judge by; each draw
takes its shots from the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import machine, write_result
from numbre_teach import NotBetterError, Teaching, teach
from optical_digits import write_optical_digits

_JUDGED = 0.4


def main() -> int:
    """Teaches, prints, and writes results/teach.json if the pictures are those that everybody has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, help="labelled pictures: a folder a class (default: scikit-learn's digits)"
    )
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 10, 20], help="pictures a class (default: 5 10 20)")
    parser.add_argument("--draws", type=int, default=3, help="draws for each number of shots (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        pool, judged = _parts(args.data or write_optical_digits(folder / "digits"))
        rows = [_row(shots, args.draws, pool, judged, folder) for shots in args.shots]
    result = {"machine": machine(), "rows": rows}
    if args.data is None:
        write_result("teach", result)
    return 0


def _parts(data: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Class to the files that shots are drawn from, and to those to judge by."""
    pool, judged = dict[str, list[Path]](), dict[str, list[Path]]()
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        order = np.random.default_rng(7).permutation(len(files))
        kept = round(_JUDGED * len(files))
        judged[folder.name] = [files[number] for number in order[:kept]]
        pool[folder.name] = [files[number] for number in order[kept:]]
    return pool, judged


def _row(
    shots: int, draws: int, pool: dict[str, list[Path]], judged: dict[str, list[Path]], folder: Path
) -> dict[str, Any]:
    """The means over the draws."""
    test, found, seconds, refused = _linked(folder / f"judge{shots}", judged), list[Teaching](), list[float](), 0
    for draw in range(draws):
        generator = np.random.default_rng(draw)
        drawn = {name: [files[n] for n in generator.permutation(len(files))[:shots]] for name, files in pool.items()}
        lessons = _linked(folder / f"learn{shots}-{draw}", drawn)
        start = time.perf_counter()
        try:
            found.append(teach(lessons, folder / f"out{shots}-{draw}", test=test))
        except NotBetterError as reason:
            print(f"{shots} a class: {reason}", file=sys.stderr)
            refused += 1
        seconds.append(time.perf_counter() - start)
    row = {
        "shots": shots,
        "draws": draws,
        "refused": refused,
        "judged": found[0].lessons.rows if found else 0,
        "before": _mean([item.lessons.before for item in found]),
        "after": _mean([item.lessons.after for item in found]),
        "lost_points": 100 * _mean([item.original.lost for item in found]),
        "preparations": sorted({item.preparation for item in found}),
        "seconds": statistics.median(seconds),
    }
    print(row, flush=True)
    return row


def _linked(folder: Path, files: dict[str, list[Path]]) -> Path:
    for name, paths in files.items():
        (folder / name).mkdir(parents=True)
        for path in paths:
            (folder / name / path.name).symlink_to(path.resolve())
    return folder


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
