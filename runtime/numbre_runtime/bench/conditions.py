"""Conditions that disturb a measurement: governor, changing frequency, throttling, heat, other programs' load.

They come from Linux's /sys and /proc and from the Raspberry Pi's `vcgencmd get_throttled`; other systems report none.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_CPUFREQ = "sys/devices/system/cpu"
_THROTTLED = {
    0: "undervoltage now",
    1: "frequency capped now",
    2: "throttled now",
    3: "at the soft temperature limit now",
    16: "undervoltage since boot",
    17: "frequency capped since boot",
    18: "throttled since boot",
    19: "at the soft temperature limit since boot",
}
"""Bits of vcgencmd's answer (Raspberry Pi documentation, "vcgencmd")."""
_OTHERS_SHARE, _STEAL_SHARE, _FREQUENCY_SHARE = 0.1, 0.02, 0.05
_VCGENCMD_S = 5.0


@dataclass(frozen=True)
class Conditions:
    """The machine at one moment."""

    moment: float
    """Seconds of a clock that only goes forward."""
    governors: tuple[str, ...]
    """The frequency governors in use; empty where the system does not tell."""
    throttled: int | None
    """Bits of `vcgencmd get_throttled`; None where there is no such command."""
    celsius: dict[str, float]
    """Each thermal zone's temperature, in degrees."""
    busy_s: float | None
    """Processor seconds of all programs together since boot; None where the system does not tell."""
    steal_s: float
    """Processor seconds that a virtual machine's host has kept for others since boot."""
    own_s: float
    """Processor seconds of this program and its ended children."""


def conditions_now(root: Path = _ROOT) -> Conditions:
    """The machine now.

    Args:
        root: Where /proc and /sys are.
    """
    governors = {_text(path) for path in (root / _CPUFREQ).glob("cpu*/cpufreq/scaling_governor")}
    celsius = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        with suppress(ValueError):
            celsius[_text(zone / "type") or zone.name] = int(_text(zone / "temp")) / 1000
    busy, steal = _processor_seconds(root)
    used = os.times()
    own = used.user + used.system + used.children_user + used.children_system
    return Conditions(time.monotonic(), tuple(sorted(governors - {""})), _throttled(), celsius, busy, steal, own)


def megahertz(root: Path = _ROOT) -> float | None:
    """The fastest core's frequency at this moment, in MHz; None where the system does not tell."""
    found: list[float] = []
    for path in (root / _CPUFREQ).glob("cpu*/cpufreq/scaling_cur_freq"):
        with suppress(ValueError):
            found.append(int(_text(path)) / 1000)
    if not found:
        for line in _text(root / "proc/cpuinfo").splitlines():
            if line.startswith("cpu MHz"):
                with suppress(ValueError):
                    found.append(float(line.split(":")[1]))
    return max(found, default=None)


def warnings(before: Conditions, after: Conditions, frequencies: Sequence[float]) -> list[str]:
    """One sentence on each condition that disturbed the machine between two moments.

    Args:
        before: At the beginning.
        after: At the end.
        frequencies: MHz, at some moments between.
    """
    said = []
    slow = [name for name in after.governors if name != "performance"]
    if slow:
        said.append(
            f"the CPU governor is {', '.join(slow)}, not performance; "
            "set it with: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
    if frequencies and max(frequencies) - min(frequencies) > _FREQUENCY_SHARE * max(frequencies):
        said.append(f"the CPU frequency changed between {min(frequencies):.0f} and {max(frequencies):.0f} MHz")
    if after.throttled:
        bits = [text for bit, text in _THROTTLED.items() if after.throttled >> bit & 1]
        said.append(f"the board reports: {', '.join(bits)} (get_throttled 0x{after.throttled:x})")
    elapsed = max(after.moment - before.moment, 1e-9)
    if before.busy_s is not None and after.busy_s is not None:
        others = (after.busy_s - before.busy_s - (after.own_s - before.own_s)) / elapsed
        if others > _OTHERS_SHARE:
            said.append(f"other programs used {others:.1f} processors' time meanwhile")
    steal = (after.steal_s - before.steal_s) / elapsed
    if steal > _STEAL_SHARE:
        said.append(f"the virtual machine's host withheld {steal:.0%} of a processor's time meanwhile")
    return said


def _processor_seconds(root: Path) -> tuple[float | None, float]:
    """Busy and stolen seconds of all processors since boot, from the first line of /proc/stat (proc(5))."""
    fields = _text(root / "proc/stat").partition("\n")[0].split()
    if len(fields) < 9 or fields[0] != "cpu":
        return None, 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[1:9])
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / tick, steal / tick


def _throttled() -> int | None:
    command = shutil.which("vcgencmd")
    if command is None:
        return None
    import subprocess

    with suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run([command, "get_throttled"], capture_output=True, timeout=_VCGENCMD_S, check=False)
        return int(done.stdout.decode(errors="replace").partition("=")[2], 16)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \t\n")
    except OSError:
        return ""
