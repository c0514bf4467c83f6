"""numbre-score against the loops that people write by hand, in one run, and how it scales.

Arrays: 1,000,000 MNIST rows from one Parquet file, against a pyarrow and `predict_batch` loop. Pictures: PNG files in a
folder, against a multiprocessing pool over `predict`. Memory: the peak of 10,000,000 rows against that of 1,000,000.
Scaling: rows a second on a Ray cluster with 1 and 2 processors, and what Amdahl's law makes of the two for 100.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from common import write_result
from numbre_train.data import load_mnist

ROWS, PICTURES, GROUP = 1_000_000, 60_000, 50_000
ROUNDS = 3
ARRAYS_BOUND, PICTURES_BOUND, MEMORY_BOUND = 0.5, 1.0, 1.2
"""Least rate against the array loop's, least against the picture loop's, most memory against that of a tenth."""
BUNDLE = "numbre-int8"

_BY_HAND_ARRAYS = """
import time, sys, pyarrow.parquet as pq, numbre_runtime
start = time.perf_counter()
classifier, labels = numbre_runtime.load("numbre-int8"), []
for batch in pq.ParquetFile(sys.argv[1]).iter_batches(50_000):
    images = batch.column("pixels").flatten().to_numpy().reshape(-1, 28, 28)
    labels.append(classifier.predict_batch(images).argmax(axis=1))
print(time.perf_counter() - start)
"""
_BY_HAND_PICTURES = """
import time, sys, os, multiprocessing, pathlib, numbre_runtime
def start():
    global classifier
    classifier = numbre_runtime.load("numbre-int8")
def label(path):
    return classifier.predict(path).label
if __name__ == "__main__":
    begin = time.perf_counter()
    paths = sorted(map(str, pathlib.Path(sys.argv[1]).iterdir()))
    with multiprocessing.Pool(len(os.sched_getaffinity(0)), start) as pool:
        labels = pool.map(label, paths, chunksize=64)
    print(time.perf_counter() - begin)
"""
_SCORE = """
import sys, time, json, resource
from pathlib import Path
engine, sources = sys.argv[1], sys.argv[2:]
start = time.perf_counter()
from numbre_runtime.scoring.engine import start_engine
if engine != "local":
    import ray
    ray.init("local", num_cpus=int(engine), logging_level=40, log_to_driver=False, include_dashboard=False)
    start = time.perf_counter()
start_engine("local" if engine == "local" else "ray")
from numbre_runtime.scoring.job import run_job
run_job(sources, Path("out.parquet"), "numbre-int8")
seconds = time.perf_counter() - start
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3]))
"""


def main() -> int:
    """Measures, prints, writes results/score.json; exit code 1 if a bound is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, pictures = folder / "rows.parquet", folder / "pictures"
        _write_rows(rows)
        _write_pictures(pictures)
        arrays, files = [], []
        for _ in range(ROUNDS):
            arrays.append(_by_hand(folder, _BY_HAND_ARRAYS, rows) / _score(folder, "local", rows)[0])
            files.append(_by_hand(folder, _BY_HAND_PICTURES, pictures) / _score(folder, "local", pictures)[0])
        seconds, small = _score(folder, "local", rows)
        _, large = _score(folder, "local", *[rows] * 10)
        one, two = (ROWS / _score(folder, str(processors), rows)[0] for processors in (1, 2))
    # Amdahl: 1 / rate grows linearly with the share of the work that is divided.
    divided = min(1.0, max(0.0, 2 * (1 - one / two)))
    ratios = {"arrays": float(np.median(arrays)), "pictures": float(np.median(files))}
    result = {
        "rate_against_loop": ratios,
        "rows_per_second": ROWS / seconds,
        "peak_mb": {"1,000,000 rows": small, "10,000,000 rows": large},
        "ray_rows_per_second": {"1": one, "2": two},
        "serial_share": 1 - divided,
        "expected_rows_per_second_at_100": one / (1 - divided + divided / 100),
    }
    print(json.dumps(result, indent=1))
    write_result("score", result)
    kept = ratios["arrays"] >= ARRAYS_BOUND and ratios["pictures"] >= PICTURES_BOUND and large <= MEMORY_BOUND * small
    return 0 if kept else 1


def _write_rows(path: Path) -> None:
    test = load_mnist().test_images.reshape(-1, 784)
    pixels = np.concatenate([test] * (GROUP // len(test)))
    table = pa.table({"pixels": pa.FixedSizeListArray.from_arrays(pa.array(pixels.reshape(-1)), 784)})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(ROWS // GROUP):
            writer.write_table(table)


def _write_pictures(folder: Path) -> None:
    folder.mkdir()
    for number, image in enumerate(load_mnist().train_images[:PICTURES]):
        Image.fromarray(image).save(folder / f"{number:05}.png")


def _by_hand(folder: Path, code: str, source: Path) -> float:
    script = folder / "by_hand.py"
    script.write_text(code)
    return float(_run(folder, [script, source]))


def _score(folder: Path, engine: str, *sources: Path) -> tuple[float, float]:
    """Seconds from the import of the engine on, and the peak memory in MB."""
    script = folder / "score.py"
    script.write_text(_SCORE)
    seconds, peak = json.loads(_run(folder, [script, engine, *sources]))
    return seconds, peak


def _run(folder: Path, words: list[str | Path]) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
