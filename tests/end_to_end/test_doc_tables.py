"""The tables of the README and of docs/benchmarks.md are what benchmarks/results says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import doc_tables
from doc_tables import PAGES, RESULTS, against_by_hand, parity, peers, rendered, replace_between


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rendered(text, PAGES[page]) == text, "run: python benchmarks/doc_tables.py"


def test_what_stands_between_markers_is_replaced_and_nothing_else() -> None:
    page = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb <!-- y:begin --><!-- y:end -->\n"
    assert replace_between(page, "x", "\nnew\n") == page.replace("old", "new")


@pytest.mark.parametrize("page", ["", "<!-- x:begin -->", "<!-- x:end --><!-- x:begin -->",
                                  "<!-- x:begin --><!-- x:end --><!-- x:begin -->"])  # fmt: skip
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="expected one line <!-- x:begin -->"):
        replace_between(page, "x", "new")


def test_a_changed_result_changes_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_tables, "RESULTS", tmp_path)
    assert peers() == "Not measured yet; `make bench` does it."
    row = {"peer": "A", "accuracy": 0.5, "p50_us": 1234.5, "p99_us": None, "images_per_second": 1e6,
           "cold_start_s": 1.0, "peak_rss_mb": 10.0, "installed_mb": 20.0}  # fmt: skip
    machine = {"cpu": "X", "cores": 4, "python": "3.11.2", "load_average": 0.5}
    rows = [row, {"peer": "B", "skipped": "no | wheel"}]
    (tmp_path / "peers.json").write_text(json.dumps({"machine": machine, "rows": rows}))
    lines = peers().splitlines()
    assert lines[2] == "| A | 50.00% | 1,234 | - | 1,000,000 | 1.00 | 10 | 20 |"
    assert lines[3].startswith("| B | skipped: no / wheel |")
    assert lines[-1] == "X, 4 cores, Python 3.11.2, load average 0.5."


def test_parity_tells_which_models_were_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_tables, "RESULTS", tmp_path)
    row = {"artifact": "a", "backend": "litert 1", "accuracy": 0.98, "lowest": 0.97, "difference_points": 0.0,
           "lowest_agreement": 0.99, "calibration_error": 0.01}  # fmt: skip
    result = {"models": 1, "missed": ["seed1: exit code 3"], "keras_accuracy": [0.98], "rows": [row]}
    (tmp_path / "parity.json").write_text(json.dumps(result))
    assert parity().endswith(
        "Means of 1 training seeds, whose Keras models reach 98.00%. "
        "Left out, because they missed the exporter's bounds: seed1: exit code 3."
    )
    (tmp_path / "parity.json").write_text(json.dumps({**result, "models": 0, "keras_accuracy": [], "rows": []}))
    assert parity() == "No model passed the gate: seed1: exit code 3."


def test_each_machine_is_named_with_its_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_tables, "RESULTS", tmp_path)
    assert against_by_hand() == "Not measured yet; `make bench` does it."
    for name, cores, load in (("latency", 2, 0.5), ("cold_start", 2, 1.25), ("train_speed", 4, 2.0)):
        result = json.loads((RESULTS / f"{name}.json").read_text())
        result["machine"] = {"cpu": "X", "cores": cores, "python": "3.11.2", "load_average": load}
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    assert against_by_hand().splitlines()[-1] == (
        "X, 2 cores, Python 3.11.2, load average 0.5 and 1.2. X, 4 cores, Python 3.11.2, load average 2.0."
    )
