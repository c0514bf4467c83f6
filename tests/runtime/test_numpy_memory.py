"""The numpy backend's memory: a Pi Zero has 512 MB for everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numbre_runtime.bundle import shipped_bundles
from runtime.tflite_builder import OneLayer

_MOST_MB = 60
_ROWS = 500
_PEAK = """
import sys
from pathlib import Path
import numpy as np
from numbre_runtime.backends.base import BATCH
from numbre_runtime.backends.integer import open_model
rows = np.random.default_rng(1).integers(-128, 128, ({rows}, {values}), dtype=np.int8)
session = open_model(Path({path!r}).read_bytes(), 1)
for start in range(0, len(rows), BATCH):
    session.run(rows[start : start + BATCH])
(line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(line.split()[1]) // 1024)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


def _convolution(operator: str, options: str, weights: tuple[int, ...], axis: int) -> OneLayer:
    values = np.random.default_rng(2).integers(-127, 128, weights).astype(np.int8)
    settings = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    return OneLayer(operator, (1, 28, 28, 16), (1, 28, 28, 16), weights=values, channel_axis=axis, kind=options,
                    options=settings)  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        (_convolution("CONV_2D", "Conv2DOptions", (16, 3, 3, 16), 0), 28 * 28 * 16),
        (_convolution("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", (1, 5, 5, 16), 3), 28 * 28 * 16),
    ],
    ids=["convolution", "depthwise"],
)
def test_batch_through_a_wide_layer(tmp_path: Path, layer: OneLayer, values: int) -> None:
    """In a process of its own, NumPy and all; without a bound on what one run holds it takes several times as much."""
    path = tmp_path / "layer.tflite"
    path.write_bytes(layer.build())
    assert _peak_mb(path, values) < _MOST_MB


@pytest.mark.parametrize("bundle", shipped_bundles(), ids=lambda path: path.name)
def test_batch_through_a_shipped_model(bundle: Path) -> None:
    assert _peak_mb(bundle / "model.int8.tflite", 28 * 28) < _MOST_MB


def _peak_mb(path: Path, values: int) -> int:
    code = _PEAK.format(rows=_ROWS, values=values, path=str(path))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return int(done.stdout)
