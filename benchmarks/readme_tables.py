"""The README's tables, rendered from benchmarks/results/*.json and put between markers.

A table NAME stands between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
"""

from __future__ import annotations


def replace_between(text: str, name: str, table: str) -> str:
    """The text with what stands between the two markers of that name replaced.

    Args:
        text: A Markdown page.
        name: The markers' name.
        table: What shall stand there, with or without line breaks at its ends.

    Raises:
        ValueError: The page does not have each marker exactly once, the beginning before the end.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"expected one line {begin} and after it one line {end}")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table.strip()}\n{end}{rest.split(end)[1]}"
