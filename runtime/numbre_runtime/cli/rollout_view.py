"""What each board does just now: a live table on a terminal (rich, the extra `deploy`), else nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from numbre_runtime.text import terminal


@contextmanager
def rollout_view(boards: Sequence[str], quiet: bool) -> Iterator[Callable[[str, str], None]]:
    """Gives a function that shows a board's step.

    Args:
        boards: The boards' names.
        quiet: Whether to show nothing.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _, __: None
        return
    try:
        from rich.console import Console
        from rich.live import Live
        from rich.table import Table
    except ImportError:
        yield _line_by_line
        return
    steps = dict.fromkeys(boards, "waiting")
    lock = threading.Lock()

    def table() -> Table:
        result = Table("board", "step", box=None)
        for board, step in steps.items():
            result.add_row(terminal(board), terminal(step))
        return result

    with Live(console=Console(stderr=True), auto_refresh=False) as live:

        def show(board: str, step: str) -> None:
            with lock:
                steps[board] = step
                live.update(table(), refresh=True)

        live.update(table(), refresh=True)
        yield show


def _line_by_line(board: str, step: str) -> None:
    """Where rich is not installed."""
    if not step.startswith("sending "):
        print(f"{terminal(board)}: {terminal(step)}", file=sys.stderr, flush=True)
