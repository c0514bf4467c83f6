"""An event loop that answers connections in the order in which their requests came.

asyncio takes all ready connections in one turn. A request that comes a moment later waits for that whole turn, and then
for its place in the next one: twice as long as all others together take. In short turns it waits once.
"""

from __future__ import annotations

import asyncio
import math
import os
import select
import selectors

_AT_ONCE = 8
"""Connections in a turn: few beside those that are served together, many beside what a turn costs."""


def fair_loop() -> asyncio.AbstractEventLoop:
    """An event loop of short turns where the system has epoll, which hands out what is ready in its order."""
    if hasattr(selectors, "EpollSelector"):
        return asyncio.SelectorEventLoop(_ShortTurns())
    return asyncio.new_event_loop()


if hasattr(selectors, "EpollSelector"):

    class _ShortTurns(selectors.EpollSelector):
        """As its base, whose `select` would ask for all that is ready."""

        def __init__(self) -> None:
            super().__init__()
            self._epoll = select.epoll.fromfd(os.dup(self.fileno()))

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """See selectors.BaseSelector."""
            seconds = -1.0 if timeout is None else max(0.0, math.ceil(timeout * 1000) / 1000)
            ready = list[tuple[selectors.SelectorKey, int]]()
            for number, event in self._epoll.poll(seconds, _AT_ONCE):
                key = self.get_map().get(number)
                if key is not None:
                    wanted = (selectors.EVENT_READ if event & ~select.EPOLLOUT else 0) | (
                        selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0
                    )
                    ready.append((key, wanted & key.events))
            return ready

        def close(self) -> None:
            """See selectors.BaseSelector."""
            self._epoll.close()
            super().close()
