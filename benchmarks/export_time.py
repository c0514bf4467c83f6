"""The time of each part of an export: NUMBRE in every precision and both formats, a process from start to end.

Writes benchmarks/results/export_time.json. Run it on an idle machine: python benchmarks/export_time.py MODEL.keras
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from numbre_export.convert.converter import Converter
from numbre_export.convert.variant import FORMATS, variants
from numbre_export.options import ALL

RESULTS = Path(__file__).parent / "results" / "export_time.json"
ROWS = 500


def main() -> int:
    """Times the whole command, then its parts one by one."""
    model = Path(sys.argv[1] if len(sys.argv) > 1 else "build/numbre/model.keras")
    parts: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        command = [str(Path(sys.executable).parent / "numbre-export"), "--all", "--model", str(model)]
        start = time.perf_counter()
        subprocess.run([*command, "--out", f"{directory}/bundle"], check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, stderr=subprocess.DEVNULL)
        parts["import of TensorFlow"] = time.perf_counter() - start
        with Converter(Path(directory)) as converter:
            start = time.perf_counter()
            source = converter.open(model)
            parts["worker's start and reading of the model, import included"] = time.perf_counter() - start
            values = int(np.prod(source.input_shape))
            rows = converter.upload(np.random.default_rng(0).random((ROWS, values), np.float32))
            for variant in variants(ALL, FORMATS, "default", "default"):
                start = time.perf_counter()
                converter.convert(variant, rows)
                parts[f"converting {variant.file}"] = time.perf_counter() - start
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "load_average_at_end": round(os.getloadavg()[0], 1),
        "whole_command_seconds": round(whole, 1),
        "whole_command_processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "parts_seconds": {name: round(seconds, 2) for name, seconds in parts.items()},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
