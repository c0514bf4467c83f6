"""The matrix in docs/boards.md is what the results say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import ROOT
from emulated.matrix import BEGIN, END, table, write_between_markers

_RESULTS = ROOT / "benchmarks" / "results" / "boards.json"


def test_docs_show_the_results() -> None:
    shown = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
    assert shown.split(BEGIN)[1].split(END)[0].strip() == table(json.loads(_RESULTS.read_text())).strip()


def test_numpy_backend_gave_the_same_bits_on_every_board() -> None:
    for board in json.loads(_RESULTS.read_text())["boards"]:
        (cell,) = (cell for cell in board["cells"] if cell["backend"] == "numpy")
        assert cell["status"] == "identical", board["name"]


def test_same_reason_is_written_once(tmp_path: Path) -> None:
    cells = [{"backend": "litert", "precision": "int8", "status": "does not install", "reason": "no wheel"}]
    boards = [{"title": name, "system": "Debian", "used": "numpy", "cells": cells} for name in ("A", "B")]
    text = table({"boards": boards})
    assert text.count("does not install (1)") == 2
    assert text.count("no wheel") == 1
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between_markers(page, text)
    assert "old" not in page.read_text()
    assert page.read_text().startswith("before\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="has no line"):
        write_between_markers(page, text)
