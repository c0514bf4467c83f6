"""numbre-bench's figures against SciPy and known values; its findings on machines that are made up as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, bootstrap

from numbre_runtime.backends import backend
from numbre_runtime.bench import breakdown, conditions
from numbre_runtime.bench.conditions import Conditions, conditions_now, megahertz, warnings
from numbre_runtime.bench.recommend import recommendation
from numbre_runtime.bench.statistics import median_interval, overlap, percentile


def test_percentiles_need_their_samples() -> None:
    few, many = np.arange(9_999.0), np.arange(100_000.0)
    assert percentile(few, 50) == 4999.0
    assert percentile(few, 99) is None
    assert percentile(np.arange(10_000.0), 99) == pytest.approx(0.99 * 9_999)
    assert percentile(few, 99.9) is None
    assert percentile(many, 99.9) == pytest.approx(0.999 * 99_999)


def test_interval_of_one_round_is_scipys_bootstrap() -> None:
    samples = np.random.default_rng(1).lognormal(3, 0.4, 4000)
    low, high = median_interval([samples])
    known = bootstrap((samples,), np.median, n_resamples=2000, method="percentile", rng=2).confidence_interval
    width = known.high - known.low
    assert abs(low - known.low) < 0.25 * width
    assert abs(high - known.high) < 0.25 * width
    # And the distribution-free interval from order statistics, which needs no drawing at all.
    first, last = binom.ppf((0.025, 0.975), len(samples), 0.5).astype(int)
    ordered = np.sort(samples)
    assert abs(low - ordered[first]) < 0.3 * width
    assert abs(high - ordered[last]) < 0.3 * width


def test_interval_covers_what_differs_between_rounds() -> None:
    """Rounds that each are precise and do not agree: the interval must span them."""
    generator = np.random.default_rng(3)
    rounds = [generator.normal(mean, 0.01, 2000) for mean in (10, 11, 12, 13, 14)]
    low, high = median_interval(rounds)
    assert low < 11.1
    assert high > 12.9


def test_intervals_hold_the_true_median_as_often_as_they_say() -> None:
    """Twelve rounds that vary as the calls do not; 60 trials, of which 95% ± 3 standard deviations must hold it."""
    generator = np.random.default_rng(4)
    held = 0
    for _ in range(60):
        rounds = [generator.normal(100 + generator.normal(0, 2), 1, 200) for _ in range(12)]
        low, high = median_interval(rounds)
        held += low <= 100 <= high
    assert held >= 50


def test_overlap() -> None:
    assert overlap((1, 2), (2, 3))
    assert overlap((1, 9), (4, 5))
    assert not overlap((1, 2), (2.1, 3))


def _row(artifact: str, precision: str, p50: float, half: float, **more: Any) -> dict[str, Any]:
    return {
        "artifact": artifact, "precision": precision, "engine": "litert", "threads": 1, "bytes": 1000,
        "agreement": None,
        "p50_us": p50, "p50_interval_us": (p50 - half, p50 + half), **more,
    }  # fmt: skip


def test_a_winner_is_named_with_int8s_gain() -> None:
    said = recommendation([_row("a", "int8", 10, 1), _row("b", "float32", 20, 1)])
    assert said == (
        "Take a with litert on 1 thread: 10 µs an image, the fastest that passes parity; "
        "int8 won, 2.0 times as fast as float32."
    )


def test_no_winner_where_intervals_overlap_and_the_simplest_is_taken() -> None:
    rows = [_row("a", "int8", 10, 1, threads=4), _row("a", "int8", 10.5, 1), _row("b", "float32", 9.9, 1, bytes=4000)]
    said = recommendation(rows)
    assert said.startswith(
        "Take a with litert on 1 thread: 10.5 µs an image, no winner over b with litert on 1 thread, "
    )
    assert said.endswith("int8 and float32 are equally fast, as far as can be told.")


def test_float32_may_win() -> None:
    assert "float32 won, 2.0 times as fast" in recommendation([_row("a", "int8", 20, 1), _row("b", "float32", 10, 1)])


def test_what_fails_parity_is_not_taken() -> None:
    rows = [_row("a", "int8", 1, 0.1, agreement=0.9969), _row("b", "float32", 20, 1, agreement=0.99995),
            {"artifact": "c", "error": "killed by SIGILL"}]  # fmt: skip
    assert recommendation(rows).startswith("Take b ")
    assert recommendation(rows[2:]) == "Nothing here passes parity; numbre-doctor says what is wrong."


def _machine(root: Path, governor: str, kilohertz: int, busy: int, steal: int) -> None:
    for number in range(2):
        folder = root / f"sys/devices/system/cpu/cpu{number}/cpufreq"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scaling_governor").write_text(f"{governor}\n")
        (folder / "scaling_cur_freq").write_text(f"{kilohertz}\n")
    zone = root / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("61835\n")
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/stat").write_text(f"cpu  {busy} 0 0 99 0 0 0 {steal} 0 0\ncpu0 1 2 3\n")


def test_governor_heat_and_load_by_others_are_read(tmp_path: Path) -> None:
    _machine(tmp_path, "ondemand", 600_000, 1000, 10)
    found = conditions_now(tmp_path)
    assert found.governors == ("ondemand",)
    assert found.celsius == {"cpu-thermal": 61.835}
    assert megahertz(tmp_path) == 600
    tick = conditions.os.sysconf("SC_CLK_TCK")  # type: ignore[attr-defined]
    assert (found.busy_s, found.steal_s) == (1000 / tick, 10 / tick)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    found = conditions_now(tmp_path)
    assert (found.governors, found.celsius, found.busy_s) == ((), {}, None)
    assert megahertz(tmp_path) is None


def _at(moment: float, **more: Any) -> Conditions:
    facts = {"governors": (), "throttled": None, "celsius": {}, "busy_s": 0.0, "steal_s": 0.0, "own_s": 0.0, **more}
    return Conditions(moment, **facts)


def test_a_quiet_machine_gets_no_warning() -> None:
    after = _at(10, governors=("performance",), throttled=0, busy_s=10.3, own_s=10.0)
    assert warnings(_at(0), after, [1500, 1500, 1480]) == []


@pytest.mark.parametrize(
    ("facts", "frequencies", "said"),
    [
        ({"governors": ("ondemand",)}, [], "the CPU governor is ondemand, not performance; set it with: "),
        ({}, [1500, 600], "the CPU frequency changed between 600 and 1500 MHz"),
        ({"throttled": 0x50005}, [], "the board reports: undervoltage now, throttled now, undervoltage since boot, "
         "throttled since boot (get_throttled 0x50005)"),
        ({"busy_s": 18.0, "own_s": 8.0}, [], "other programs used 1.0 processors' time meanwhile"),
        ({"steal_s": 3.0}, [], "the virtual machine's host withheld 0.3 processors' time meanwhile"),
    ],
)  # fmt: skip
def test_each_disturbance_is_said(facts: dict[str, Any], frequencies: list[float], said: str) -> None:
    (line,) = warnings(_at(0), _at(10, **facts), frequencies)
    assert line.startswith(said)


def test_vcgencmd_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "vcgencmd"
    command.write_text('#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x20002\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert conditions_now().throttled == 0x20002
    command.write_text("#!/bin/sh\necho VCHI initialization failed >&2\nexit 1\n")
    assert conditions_now().throttled is None


@pytest.mark.parametrize("name", ["litert", "numpy", "onnxruntime"])
def test_empty_model_hands_its_input_through(name: str) -> None:
    kind = "empty.onnx" if name == "onnxruntime" else "empty.tflite"
    content = (Path(breakdown.__file__).parent / kind).read_bytes()
    value = np.array([[-7]], np.float32 if name == "onnxruntime" else np.int8)
    np.testing.assert_array_equal(backend(name).open_model(content, 1).run(value), value)
