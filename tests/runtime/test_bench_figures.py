"""numbre-bench's figures against SciPy and known values; its findings on machines that are made up as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, quantile_test

from numbre_runtime.backends import backend
from numbre_runtime.bench import breakdown, conditions
from numbre_runtime.bench.case import Case
from numbre_runtime.bench.conditions import Conditions, conditions_now, megahertz, warnings
from numbre_runtime.bench.recommend import recommendation
from numbre_runtime.bench.rounds import _turns
from numbre_runtime.bench.statistics import LEAST_ROUNDS, median_interval, median_of_medians, overlap, percentile


def test_percentiles_need_their_samples() -> None:
    few, many = np.arange(9_999.0), np.arange(100_000.0)
    assert percentile(few, 50) == 4999.0
    assert percentile(few, 99) is None
    assert percentile(np.arange(10_000.0), 99) == pytest.approx(0.99 * 9_999)
    assert percentile(few, 99.9) is None
    assert percentile(many, 99.9) == pytest.approx(0.999 * 99_999)


@pytest.mark.parametrize("count", [6, 7, 10, 20, 33])
def test_interval_is_scipys_quantile_test_of_the_rounds_medians(count: int) -> None:
    generator = np.random.default_rng(count)
    rounds = [generator.lognormal(3, 0.4, 101) for _ in range(count)]
    medians = [np.median(samples) for samples in rounds]
    known = quantile_test(medians, p=0.5).confidence_interval(0.95)
    assert median_interval(rounds) == (known.low, known.high)
    assert median_of_medians(rounds) == np.median(medians)


def test_five_rounds_have_no_interval() -> None:
    assert LEAST_ROUNDS == 6
    assert median_interval([np.arange(9.0)] * (LEAST_ROUNDS - 1)) is None
    assert median_interval([np.arange(9.0)] * LEAST_ROUNDS) == (4.0, 4.0)


def _two_speeds(generator: np.random.Generator) -> list[NDArray[np.float64]]:
    """Ten rounds of a machine on which a process is sometimes much slower, as this project's measured ones are."""
    slow = generator.random(10) < 0.4
    return [generator.normal(7.5 if late else 4.9, 0.15) + generator.normal(0, 0.1, 50) for late in slow]


def test_intervals_hold_the_true_median_as_often_as_they_say() -> None:
    """500 trials of the usual ten rounds, of which at least 95% − 3 standard deviations must hold the median."""
    generator = np.random.default_rng(4)
    # Of the two speeds' mixture: 0.6 · Φ((median − 4.9) / 0.15) = 0.5.
    median = 4.9 + 0.15 * norm.ppf(0.5 / 0.6)
    held = 0
    for _ in range(500):
        interval = median_interval(_two_speeds(generator))
        assert interval is not None
        held += interval[0] <= median <= interval[1]
    assert held / 500 >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 500)


def test_the_same_code_hardly_ever_seems_slower() -> None:
    generator = np.random.default_rng(5)
    pairs = [(median_interval(_two_speeds(generator)), median_interval(_two_speeds(generator))) for _ in range(500)]
    assert sum(not overlap(one, other) for one, other in pairs) <= 5


def test_overlap() -> None:
    assert overlap((1, 2), (2, 3))
    assert overlap((1, 9), (4, 5))
    assert not overlap((1, 2), (2.1, 3))
    assert overlap(None, (1, 2))


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
    assert said.endswith("int8 and float32 are equally fast within the intervals.")


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        ((("a", 1, 2000), ("b", 1, 1000)), "b"),
        ((("a", 1, 2000), ("b", 2, 1000)), "a"),
        ((("a", 2, 1000), ("b", 1, 1000)), "b"),
    ],
)
def test_of_equally_fast_rows_fewer_threads_then_fewer_bytes_decide(
    rows: tuple[tuple[str, int, int], ...], taken: str
) -> None:
    able = [_row(name, "int8", 10, 1, threads=threads, bytes=size) for name, threads, size in rows]
    assert recommendation(able).startswith(f"Take {taken} ")


def test_every_other_round_goes_through_the_cases_in_reverse() -> None:
    first, second, third = (Case(name, "numpy", 1) for name in "abc")
    assert list(_turns((first, second, third), 3)) == [
        *((0, case) for case in (first, second, third)),
        *((1, case) for case in (third, second, first)),
        *((2, case) for case in (first, second, third)),
    ]


def test_float32_may_win() -> None:
    assert "float32 won, 2.0 times as fast" in recommendation([_row("a", "int8", 20, 1), _row("b", "float32", 10, 1)])


def test_too_few_rounds_name_no_winner() -> None:
    rows = [
        {**_row("a", "int8", 10, 1), "p50_interval_us": None},
        {**_row("b", "int8", 20, 1), "p50_interval_us": None},
    ]
    assert recommendation(rows) == (
        "a with litert on 1 thread was the fastest that passes parity, 10 µs an image; fewer than 6 rounds cannot "
        "tell whether the difference is real."
    )


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
        ({"steal_s": 3.0}, [], "the virtual machine's host withheld 30% of a processor's time meanwhile"),
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
