"""The README's tables are what benchmarks/results says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import readme_tables
from readme_tables import README, TABLES, peers, rendered, replace_between


def test_readme_shows_the_results() -> None:
    page = README.read_text(encoding="utf-8")
    assert rendered(page) == page, "run: python benchmarks/readme_tables.py"
    assert all(f"<!-- {name}:begin -->" in page for name in TABLES)


def test_what_stands_between_markers_is_replaced_and_nothing_else() -> None:
    page = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb <!-- y:begin --><!-- y:end -->\n"
    assert replace_between(page, "x", "\nnew\n") == page.replace("old", "new")


@pytest.mark.parametrize("page", ["", "<!-- x:begin -->", "<!-- x:end --><!-- x:begin -->",
                                  "<!-- x:begin --><!-- x:end --><!-- x:begin -->"])  # fmt: skip
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="expected one line <!-- x:begin -->"):
        replace_between(page, "x", "new")


def test_a_changed_result_changes_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme_tables, "RESULTS", tmp_path)
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
