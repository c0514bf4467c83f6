"""Every reader of untrusted bytes meets its sound inputs, what broke it before, and some seconds of damaged inputs."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.corpus import SEEDS, damaged
from fuzz.http_request import answer
from fuzz.run import FOUND, fuzz
from fuzz.targets import TARGETS

_SECONDS = 2.0
_BROKEN = sorted(FOUND.glob("*")) if FOUND.is_dir() else []


@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_read(name: str) -> None:
    for content in SEEDS[name]():
        TARGETS[name][0](content)


@pytest.mark.parametrize("content", SEEDS["http"](), ids=["flat", "nested", "binary", "predict", "read"])
def test_sound_requests_are_answered(content: bytes) -> None:
    assert answer(content) == 200


@pytest.mark.parametrize("path", _BROKEN, ids=lambda path: path.name)
def test_what_broke_a_target_once_breaks_it_no_more(path: Path) -> None:
    target, allowed = TARGETS[path.name.rpartition("-")[0]]
    with contextlib.suppress(allowed):
        target(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs_raise_only_what_is_promised(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tried, faults = fuzz(name, _SECONDS, seed=1)
    assert tried > 0
    assert faults == []


def _damaged(name: str) -> st.SearchStrategy[bytes]:
    """Damaged inputs of a target, which shrink towards the first seeds of the generator."""
    seeds = SEEDS[name]()
    return st.integers(0, 1 << 32).map(lambda seed: damaged(seeds, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", ["tflite_structure", "onnx_structure", "manifest", "npz", "idx"])
def test_any_bytes_raise_only_what_is_promised(name: str) -> None:
    target, allowed = TARGETS[name]

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=400) | _damaged(name))
    def meets(content: bytes) -> None:
        with contextlib.suppress(allowed):
            target(content)

    meets()
