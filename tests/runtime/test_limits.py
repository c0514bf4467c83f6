"""The table of limits in docs/security.md says what the code does."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from conftest import ROOT

_ROWS = re.findall(r"^\| .+ \| ([0-9,]+) \| `([a-z_.]+)\.([A-Z_]+)` \|$", (ROOT / "docs/security.md").read_text(), re.M)


@pytest.mark.parametrize(("limit", "module", "name"), _ROWS, ids=lambda value: value)
def test_a_limit_is_as_documented(limit: str, module: str, name: str) -> None:
    assert getattr(import_module(f"numbre_runtime.{module}"), name) == int(limit.replace(",", ""))


def test_the_table_is_read() -> None:
    assert len(_ROWS) == 20
