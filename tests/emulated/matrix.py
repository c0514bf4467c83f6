"""The results as a Markdown table, written between two markers of docs/boards.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BEGIN, END = "<!-- boards: written by make test-pi -->", "<!-- /boards -->"


def table(results: dict[str, Any]) -> str:
    """The matrix of board × backend × precision, with a line on what each cell compares."""
    boards = results["boards"]
    columns = [(cell["backend"], cell["precision"]) for cell in boards[0]["cells"]]
    heads = ["board", "system", *(f"{backend} {precision}" for backend, precision in columns), "numbre-doctor uses"]
    lines = [heads, ["---"] * len(heads)]
    reasons: list[str] = []
    for board in boards:
        cells = {(cell["backend"], cell["precision"]): cell for cell in board["cells"]}
        texts = [_cell(cells[column], reasons) for column in columns]
        lines.append([board["title"], board["system"], *texts, board["used"]])
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = "".join(f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1))
    return f"{text}\n{notes}"


def _cell(cell: dict[str, Any], reasons: list[str]) -> str:
    text: str = cell["status"]
    if cell["reason"]:
        if cell["reason"] not in reasons:
            reasons.append(cell["reason"])
        text += f" ({reasons.index(cell['reason']) + 1})"
    return text


def write_between_markers(path: Path, text: str) -> None:
    """Replaces what stands between the markers of a file.

    Raises:
        ValueError: It has no markers.
    """
    old = path.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"{path}: has no line {BEGIN}")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")
