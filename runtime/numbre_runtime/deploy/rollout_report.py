"""What a rollout did, as JSON and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from numbre_runtime import html_kit
from numbre_runtime.deploy.rollout import BoardOutcome
from numbre_runtime.text import json_text

_HEADS = ("board", "state", "release", "before", "sent", "seconds", "p99", "memory", "accuracy", "message")


def report_json(outcomes: Sequence[BoardOutcome]) -> bytes:
    """One object for each board."""
    boards = []
    for outcome in outcomes:
        done = {} if outcome.deployed is None else outcome.deployed._asdict()
        board = outcome.board
        boards.append(
            {"host": board.host.name, "tags": board.tags, "state": outcome.state, "message": outcome.message, **done}
        )
    return (json_text({"counts": count_states(outcomes), "boards": boards}, indent=1) + "\n").encode()


def report_html(outcomes: Sequence[BoardOutcome], title: str) -> bytes:
    """The same for people."""
    rows = [_row(outcome) for outcome in outcomes]
    summary = ", ".join(f"{count} {state}" for state, count in count_states(outcomes).items())
    return html_kit.page(title, [html_kit.paragraph(summary), html_kit.table(_HEADS, rows)])


def count_states(outcomes: Sequence[BoardOutcome]) -> dict[str, int]:
    """State to the number of boards in it."""
    return dict(Counter(outcome.state for outcome in outcomes))


def _row(outcome: BoardOutcome) -> tuple[str, ...]:
    done = outcome.deployed
    if done is None:
        return outcome.board.host.name, outcome.state, *[""] * 7, outcome.message
    figures: dict[str, Any] = done.figures
    return (
        outcome.board.host.name,
        outcome.state,
        done.release,
        done.previous or "",
        f"{done.sent_bytes / 1e6:.2f} MB",
        f"{done.seconds:.1f}",
        f"{figures['p99_us']:,.1f} µs" if "p99_us" in figures else "",
        f"{figures['rss_bytes'] / 1e6:.1f} MB" if "rss_bytes" in figures else "",
        f"{figures['accuracy']:.2%}" if "accuracy" in figures else "",
        outcome.message,
    )
