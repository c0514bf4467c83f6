"""What the runtime's metadata asks for on each board."""

from __future__ import annotations

from importlib.metadata import entry_points, requires

import pytest
from packaging.requirements import Requirement


def _asked(machine: str, python: str, extra: str = "") -> dict[str, Requirement]:
    environment = {"platform_machine": machine, "python_version": python, "extra": extra, "sys_platform": "linux"}
    found: dict[str, Requirement] = {}
    for line in requires("numbre-runtime") or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found[requirement.name.lower()] = requirement
    return found


@pytest.mark.parametrize("machine", ["armv6l", "armv7l", "armv8l"])
def test_debian_12_satisfies_it_on_32_bit_boards(machine: str) -> None:
    asked = _asked(machine, "3.11")
    assert set(asked) == {"numpy", "pillow"}
    assert asked["numpy"].specifier.contains("1.24.2")
    assert asked["pillow"].specifier.contains("9.4.0")


@pytest.mark.parametrize("machine", ["aarch64", "arm64", "x86_64", "AMD64"])
def test_elsewhere_pillow_has_its_overflow_fixed(machine: str) -> None:
    asked = _asked(machine, "3.13")
    assert set(asked) == {"numpy", "pillow"}
    assert not asked["pillow"].specifier.contains("12.9")
    assert asked["pillow"].specifier.contains("13.0.0")
    assert asked["numpy"].specifier.contains("2.4.6")


def test_tflite_runtime_is_asked_for_only_where_it_has_wheels() -> None:
    assert "tflite-runtime" in _asked("armv7l", "3.11", "tflite")
    assert "tflite-runtime" not in _asked("aarch64", "3.13", "tflite")


def test_every_command_is_there() -> None:
    commands = {entry.name for entry in entry_points(group="console_scripts") if entry.dist is not None
                and entry.dist.name == "numbre-runtime"}  # fmt: skip
    assert {"numbre-predict", "numbre-bench", "numbre-doctor"} <= commands
    for entry in entry_points(group="console_scripts"):
        if entry.name in commands:
            assert callable(entry.load())
