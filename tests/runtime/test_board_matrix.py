"""The matrices in the docs are what the results say, and the results are of the files that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from emulated import matrix
from emulated.matrix import RESULTS, full_table, save, short_table
from numbre_runtime.bundle import read_bundle, shipped_bundles

_BEGIN, _END = "<!-- boards:begin -->", "<!-- boards:end -->"


def _results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text())
    return found


def _between(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8").split(_BEGIN)[1].split(_END)[0].strip()


def test_pages_show_the_results() -> None:
    assert _between("docs/boards.md") == full_table(_results()).strip()
    assert _between("docs/raspberry-pi.md") == short_table(_results()).strip()


def test_results_are_of_the_files_that_ship() -> None:
    """Otherwise `make test-pi` writes them anew."""
    shipped = {path.name: read_bundle(path).manifest.artifacts for path in shipped_bundles()}
    assert _results()["files"] == {
        name: {artifact.file: artifact.sha256 for artifact in artifacts} for name, artifacts in shipped.items()
    }


def test_numpy_backend_gave_the_same_bits_on_every_board() -> None:
    for board in _results()["boards"]:
        found = {cell["status"] for cell in board["cells"] if cell["backend"] == "numpy"}
        assert found == {"identical"}, board["name"]


def test_no_board_gave_another_label() -> None:
    cells = [cell for board in _results()["boards"] for cell in board["cells"]]
    assert {cell["status"] for cell in cells} <= {"identical", "agrees", "refused", "does not install"}
    assert all(cell["other_labels"] == 0 for cell in cells if "other_labels" in cell)


def _cell(bundle: str, status: str, reason: str) -> dict[str, Any]:
    return {"bundle": bundle, "backend": "litert", "precision": "int8", "status": status, "reason": reason}


def _boards() -> list[dict[str, Any]]:
    cells = [_cell("one", "identical", ""), _cell("two", "refused", "it misreads")]
    return [{"name": name, "title": name, "system": "Debian 12, Python", "used": "numpy", "cells": cells}
            for name in ("A", "B")]  # fmt: skip


def test_tables_of_two_bundles() -> None:
    results = {"files": {"one": {}, "two": {}}, "boards": _boards()}
    full = full_table(results)
    assert full.count("refused (1)") == 2
    assert full.count("it misreads") == 1
    assert full.count("| board |") == 2
    short = short_table(results)
    assert short.splitlines()[2] == "| A, Debian 12 | refused |", "the bundle that does worst"
    assert short.count("It misreads.") == 1


def test_results_of_other_files_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    for page in ("docs/raspberry-pi.md", "docs/boards.md"):
        (tmp_path / page).write_text(f"before\n{_BEGIN}\nold\n{_END}\nafter\n")
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "boards.json")
    first, second = _boards()
    files = {"one": {"model": "sum"}, "two": {"model": "sum"}}
    save({"A": first, "B": second}, files, ["A", "B"])
    assert [board["name"] for board in save({"A": first}, files, ["A", "B"])["boards"]] == ["A", "B"]
    files["one"]["model"] = "another sum"
    assert [board["name"] for board in save({"A": first}, files, ["A", "B"])["boards"]] == ["A"]
    page = (tmp_path / "docs/raspberry-pi.md").read_text()
    assert page.startswith("before\n") and page.endswith("after\n") and "old" not in page
