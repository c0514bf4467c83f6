"""The results as Markdown tables, between two markers: in full in docs/boards.md, in short in docs/raspberry-pi.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from doc_tables import replace_between

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "boards.json"
_TITLES = {"litert": "LiteRT", "tflite_runtime": "tflite-runtime", "onnxruntime": "ONNX Runtime", "numpy": "NumPy"}
_SHORT = {
    "identical": "same bits",
    "agrees": "same labels",
    "does not install": "no wheel",
    "refused": "refused",
    "differs": "differs",
    "fails": "fails",
}
"""From best to worst."""


def save(found: dict[str, dict[str, Any]], files: dict[str, dict[str, str]], order: list[str]) -> dict[str, Any]:
    """Writes the results and both tables.

    Boards that were not tried this time are kept as they were, unless they ran other files.

    Args:
        found: Board's name to its result.
        files: Bundle's name to its artifacts' SHA-256 sums.
        order: The boards' names.
    """
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept = {entry["name"]: entry for entry in known.get("boards", [])} if known.get("files") == files else {}
    merged = {**kept, **found}
    results = {"files": files, "boards": [merged[name] for name in order if name in merged]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for page, table in (("docs/boards.md", full_table(results)), ("docs/raspberry-pi.md", short_table(results))):
        text = (ROOT / page).read_text(encoding="utf-8")
        (ROOT / page).write_text(replace_between(text, "boards", table), encoding="utf-8")
    return results


def full_table(results: dict[str, Any]) -> str:
    """Board × backend × precision, a table for each bundle, with a line on whatever is not the same."""
    reasons: list[str] = []
    tables = [_bundle_table(results["boards"], bundle, reasons) for bundle in results["files"]]
    notes = "".join(f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1))
    return "\n".join([*tables, notes])


def _bundle_table(boards: list[dict[str, Any]], bundle: str, reasons: list[str]) -> str:
    columns = _columns(boards, bundle)
    heads = ["board", "system", *(f"{_TITLES[backend]} {precision}" for backend, precision in columns), "it uses"]
    lines = []
    for board in boards:
        cells = {_column(cell): cell for cell in board["cells"] if cell["bundle"] == bundle}
        texts = [_with_note(cells[column], reasons) if column in cells else "" for column in columns]
        lines.append([board["title"], board["system"], *texts, board["used"] or "nothing"])
    return f"`{bundle}`:\n\n{_markdown(heads, lines)}"


def short_table(results: dict[str, Any]) -> str:
    """Board × backend × precision in few words; where several bundles ship, the one that does worst."""
    boards, ranks = results["boards"], list(_SHORT)
    columns = list(dict.fromkeys(column for bundle in results["files"] for column in _columns(boards, bundle)))
    heads = ["board", *(f"{_TITLES[backend]} {precision}" for backend, precision in columns)]
    lines, bad = [], list[str]()
    for board in boards:
        texts = []
        for column in columns:
            cells = [cell for cell in board["cells"] if _column(cell) == column]
            worst = max(cells, key=lambda cell: ranks.index(cell["status"]), default=None)
            texts.append(_SHORT[worst["status"]] if worst else "")
            if worst and ranks.index(worst["status"]) >= ranks.index("refused"):
                bad.append(worst["reason"])
        lines.append([f"{board['title']}, {board['system'].split(',')[0]}", *texts])
    notes = "".join(f"\n{reason[0].upper()}{reason[1:]}.\n" for reason in dict.fromkeys(bad))
    return _markdown(heads, lines) + notes


def _columns(boards: list[dict[str, Any]], bundle: str) -> list[tuple[str, str]]:
    cells = [cell for board in boards for cell in board["cells"] if cell["bundle"] == bundle]
    return list(dict.fromkeys(_column(cell) for cell in cells))


def _column(cell: dict[str, Any]) -> tuple[str, str]:
    return cell["backend"], cell["precision"]


def _with_note(cell: dict[str, Any], reasons: list[str]) -> str:
    text: str = cell["status"]
    if cell["reason"]:
        if cell["reason"] not in reasons:
            reasons.append(cell["reason"])
        text += f" ({reasons.index(cell['reason']) + 1})"
    return text


def _markdown(heads: list[str], lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in [heads, ["---"] * len(heads), *lines])
