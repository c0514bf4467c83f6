"""The lines of docs/scoring.md for Ray Data, Dask and Spark, run as they stand there with pinned versions.

Each engine gets an environment of its own and 10,000 MNIST rows in a Parquet file; every row's label has to be the one
that a single process gives.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import numbre_runtime as numbre
from common import NUMBRE, machine, write_result
from environments import ROOT, UnavailableError, clean, environment
from numbre_train.data import load_mnist

_PAGE = ROOT / "docs" / "scoring.md"
_GROUPS, _TIMEOUT_S = 4, 600


@dataclass(frozen=True)
class _Engine:
    name: str
    """As the page calls it."""
    requirements: tuple[str, ...]
    before: str
    """What a user of the engine has done already."""
    rows: str
    """Makes a pandas dataframe of the result, `frame`."""


_ENGINES = (
    _Engine(
        "Ray Data",
        ("ray[data]==2.60.0", "pandas==2.3.3"),
        "import ray, ray.data\nray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)",
        "frame.to_pandas()",
    ),
    _Engine("Dask", ("dask[dataframe]==2026.8.0",), "import dask.dataframe", "frame.compute()"),
    _Engine(
        "Spark",
        ("pyspark==4.3.0", "pandas==2.3.3", "pyarrow==21.0.0"),
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.master('local[2]').getOrCreate()",
        "frame.toPandas()",
    ),
)


def main() -> int:
    """Runs them, prints and writes results/dataframes.json; exit code 1 if one answers differently."""
    mnist = load_mnist()
    rows: list[dict[str, Any]] = []
    expected = numbre.load(NUMBRE).predict_batch(mnist.test_images).argmax(axis=1)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows.parquet"
        pixels = pa.FixedSizeListArray.from_arrays(pa.array(mnist.test_images.reshape(-1)), 784)
        table = pa.table({"key": np.arange(len(expected)), "pixels": pixels})
        pq.write_table(table, path, row_group_size=len(expected) // _GROUPS)
        for engine in _ENGINES:
            row = {"engine": engine.name, "versions": list(engine.requirements), **_outcome(engine, path, expected)}
            print(row, flush=True)
            rows.append(row)
    write_result("dataframes", {"machine": machine(), "rows": rows})
    return int(any(row.get("different") for row in rows))


def _outcome(engine: _Engine, path: Path, expected: np.ndarray[Any, Any]) -> dict[str, Any]:
    """How many labels differ, or why it was not run."""
    try:
        python = environment(f"dataframes-{engine.name.split()[0].lower()}", (*engine.requirements, _runtime()))
    except UnavailableError as reason:
        return {"skipped": str(reason)}
    script = path.with_name("script.py")
    script.write_text(_script(engine, path))
    done = subprocess.run(
        [python, script],
        cwd=path.parent,
        env=clean(PYSPARK_PYTHON=str(python)),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        return {"skipped": done.stderr.strip().splitlines()[-1][:200]}
    found = dict(json.loads(done.stdout.splitlines()[-1]))
    different = sum(found.get(key) != label for key, label in enumerate(expected.tolist()))
    return {"rows": len(found), "different": different}


def _runtime() -> str:
    return f"{ROOT / 'runtime'}[litert]"


def _script(engine: _Engine, path: Path) -> str:
    """The page's lines for all engines, its lines for this one, and what makes a result of them."""
    text = _PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|text)\n(.*?)```", text, re.DOTALL)
    common = next(block for block in blocks if "def labels" in block)
    (own,) = re.findall(
        rf"# {engine.name}\n(.*?)(?:\n\n|\Z)", next(block for block in blocks if "# Ray Data" in block), re.DOTALL
    )
    *lines, last = own.rstrip().splitlines()
    return "\n".join(
        [
            f"path = {str(path)!r}",
            common,
            engine.before,
            *lines,
            f"frame = {last}",
            f"rows = {engine.rows}",
            "import json",
            "print(json.dumps([[int(key), int(label)] for key, label in zip(rows['key'], rows['label'])]))",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
