"""One word for one thing: no two modules of a package share a file name, no two classes of the project a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from conftest import ROOT

_PACKAGES = {
    "runtime/numbre_runtime": 10,
    "train/numbre_train": 10,
    "export/numbre_export": 10,
    "teach/numbre_teach": 5,
    "benchmarks": 10,
}
"""Package to a number of modules that it has more of, so that a package that is not found is noticed."""
_SAID_BY_THE_FOLDER = {"__init__.py", "__main__.py", "cli.py", "report.py"}
"""File names that may occur in several folders, because the folder's name says whose they are."""


def _repeated(names: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: places for name, places in names.items() if len(places) > 1}


@pytest.mark.parametrize(("package", "fewer"), _PACKAGES.items())
def test_no_two_modules_of_a_package_share_a_file_name(package: str, fewer: int) -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.name not in _SAID_BY_THE_FOLDER:
            names[path.name].append(str(path.relative_to(ROOT)))
    assert len(names) > fewer
    assert _repeated(names) == {}


def test_no_two_classes_share_a_name() -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in _classes(path):
                names[name].append(str(path.relative_to(ROOT)))
    assert len(names) > 50
    assert _repeated(names) == {}


def _classes(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
