"""numbre-score on a real Ray cluster of this machine: the same rows, bit for bit, also when a worker dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from numbre_train.data import Mnist

_RUN = """
import os, signal, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
import numbre_runtime.scoring.sources as sources
sources.ROWS = 2000
nodes, kill = int(sys.argv[1]), sys.argv[2] == "kill"
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
others = [cluster.add_node(num_cpus=1) for _ in range(nodes - 1)]
ray.init(cluster.address, logging_level=40, log_to_driver=False)
from numbre_runtime.scoring.engine import start_engine
start_engine("ray")
from numbre_runtime.scoring.job import run_job
def progress(done):
    print(done.rows, flush=True)
    if kill and others and done.rows >= 2000:
        cluster.remove_node(others.pop(), allow_graceful=False)
tally = run_job(["rows.parquet"], Path(f"ray{nodes}.parquet"), "numbre-int8", progress=progress)
print("rows", tally.rows, "errors", tally.errors)
ray.shutdown()
cluster.shutdown()
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("nodes", "kill"), [(1, False), (2, True), (4, True)])
def test_a_cluster_gives_the_same_bits_as_one_process(nodes: int, kill: bool, mnist: Mnist, tmp_path: Path) -> None:
    images = mnist.test_images
    lists = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), 784)
    pq.write_table(pa.table({"pixels": lists}), tmp_path / "rows.parquet", row_group_size=500)
    local = (
        "from pathlib import Path\n"
        "from numbre_runtime.scoring.engine import start_engine; start_engine()\n"
        "from numbre_runtime.scoring.job import run_job\n"
        "run_job(['rows.parquet'], Path('local.parquet'), 'numbre-int8')"
    )
    subprocess.run([sys.executable, "-c", local], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    words = [sys.executable, "-c", _RUN, str(nodes), "kill" if kill else "keep"]
    done = subprocess.run(words, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"rows {len(images)} errors 0" in done.stdout
    one, many = (pq.read_table(tmp_path / name) for name in ("local.parquet", f"ray{nodes}.parquet"))
    assert many.equals(one)
    assert np.mean(np.array(many["label"].to_pylist()) == mnist.test_labels.astype(str)) > 0.98
