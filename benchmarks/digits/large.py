"""Seconds and memory that a 12-megapixel photo takes, in a process of its own on one core."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from numbre_train.data import load_mnist

_SIZE = (4000, 3000)
_PREDICT, _READ = "c.predict(p)", "numbre_runtime.read(p, c)"
_CODE = """
import json, os, statistics, sys, time, numbre_runtime
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
p, c = sys.argv[1], numbre_runtime.load(sys.argv[2])
{call}
seconds = []
for _ in range(5):
    start = time.perf_counter()
    {call}
    seconds.append(time.perf_counter() - start)
# Not ru_maxrss, which begins at what the parent process held.
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({{"seconds": round(statistics.median(seconds), 3), "peak_rss_mb": round(peak)}}))
"""


def large_photos(bundle: Path) -> dict[str, dict[str, float]]:
    """Median seconds of five calls, and the process's peak, of one digit and of a page in JPEG photos of 12 MP."""
    random = np.random.default_rng(0)
    images = load_mnist().test_images
    page = np.full(_SIZE[::-1], 215, np.uint8)
    for row in range(6):
        for column in range(8):
            ink = np.asarray(Image.fromarray(images[row * 8 + column]).resize((240, 240), Image.Resampling.BICUBIC))
            page[200 + row * 440 :, 200 + column * 450 :][:240, :240] -= ink // 5 * 3
    single = np.full(_SIZE[::-1], 215, np.uint8)
    ink = np.asarray(Image.fromarray(images[0]).resize((1500, 1500), Image.Resampling.BICUBIC))
    single[700:2200, 1200:2700] -= ink // 5 * 3
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, levels, call in (("one digit", single, _PREDICT), ("a page", page, _READ)):
            path = Path(scratch) / "photo.jpg"
            grain = levels + random.normal(0, 3, levels.shape)
            Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).convert("RGB").save(path, quality=90)
            command = [sys.executable, "-c", _CODE.format(call=call), str(path), str(bundle)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            results[name] = json.loads(done.stdout.splitlines()[-1])
    return results
