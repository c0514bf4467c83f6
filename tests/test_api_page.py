"""docs/api.md lists the public names of the three packages, and nothing else."""

from __future__ import annotations

import runpy
from importlib import import_module

import pytest

from conftest import ROOT

_SCRIPT = ROOT / "scripts" / "make_api_page.py"
PACKAGES = ("numbre_runtime", "numbre_train", "numbre_export", "numbre_teach")


def test_the_page_is_what_make_docs_writes() -> None:
    page = runpy.run_path(str(_SCRIPT))["api_page"]()
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == page, "run: make docs"


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_those_that_the_package_says(package: str) -> None:
    module = import_module(package)
    section = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split(f"## {package}\n")[1].split("\n## ")[0]
    listed = {line.split("`")[1].split(".")[0].removesuffix("()") for line in section.splitlines() if line[:3] == "| `"}
    assert listed == set(module.__all__)
    assert set(module.__all__) <= set(dir(module))
