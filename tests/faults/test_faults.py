"""Some of what `make faults` tries: a report that is written while calls fail, or the process ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from faults.commands import COMMANDS
from faults.injection import chosen, complaint, points

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.mark.slow
def test_an_interrupted_benchmark_leaves_the_old_report_or_the_new_one(tmp_path: Path) -> None:
    found = points(COMMANDS["bench"], tmp_path / "undisturbed")
    assert {point.partition(":")[0] for point in found} >= {"openat", "write", "fsync", "rename"}
    for number, (point, fault) in enumerate(chosen(found, 3, seed=2)):
        assert complaint(COMMANDS["bench"], tmp_path / str(number), point, fault) is None, (point, fault)
