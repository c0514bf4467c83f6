"""A full service answers new connections at the socket: 503, or its health, at a tenth of what asyncio takes for one.

While the service is full, every request that it answers is followed by a short turn of the listening socket, so that
new connections wait for milliseconds and not for all that are there to be served. Turns take a bounded share of the
time.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from numbre_runtime.serve.canned import FULL, HEALTH, health_answer

_TURN_S, _PAUSE_S = 0.001, 0.004
"""A turn is so long at most, and so long is the pause after it."""
_REQUEST_S = 1.0
"""A connection has so long to send its request while the service is full."""
_HEAD, _REST = 256, 1 << 16
"""Bytes that are read of a request: what is looked at, and what is discarded, because what is left unread would take
the answer away from the client."""


def _always_room() -> bool:
    return False


class AdmittingSocket(socket.socket):
    """A listening socket that answers by itself while the service is full."""

    full: Callable[[], bool] = staticmethod(_always_room)
    """Whether there is no room for another connection; set by whoever knows."""
    ready: Callable[[], bool] = staticmethod(_always_room)
    """Whether the service is ready, for those who ask."""
    count_refusal: Callable[[], object] = staticmethod(_always_room)
    """Called for every connection that is refused."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.coming = 0
        """Connections that were let in and are not yet on the event loop."""
        self._silent: deque[tuple[float, socket.socket]] = deque()
        self._next_turn = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """See socket.socket.

        Raises:
            BlockingIOError: Nobody waits, or there is no room.
        """
        if self.full():
            self.after_request()
            raise BlockingIOError
        accepted = super().accept()
        self.coming += 1
        return accepted

    def after_request(self) -> None:
        """Takes a turn if one is due; to be called after every request that the event loop answered."""
        if time.monotonic() >= self._next_turn and self.full():
            self._turn()

    def close_silent(self) -> None:
        """Ends connections that have not sent their request in time; to be called a few times a second."""
        self._hear_silent(time.monotonic())

    def _turn(self) -> None:
        now = time.monotonic()
        end = now + _TURN_S
        self._hear_silent(now)
        while now < end:
            try:
                connection, _ = super().accept()
            except OSError:
                # Nobody waits any more, or a client has gone.
                break
            connection.setblocking(False)
            if not self._answered(connection):
                self._silent.append((now + _REQUEST_S, connection))
            now = time.monotonic()
        self._next_turn = now + _PAUSE_S

    def _hear_silent(self, now: float) -> None:
        for _ in range(len(self._silent)):
            deadline, connection = self._silent.popleft()
            if self._answered(connection):
                continue
            if now < deadline:
                self._silent.append((deadline, connection))
            else:
                connection.close()

    def _answered(self, connection: socket.socket) -> bool:
        """Answers and closes a connection, or finds that it has gone; False if its request has not come yet."""
        try:
            head = connection.recv(_HEAD)
        except BlockingIOError:
            return False
        except OSError:
            head = b""
        try:
            if head.startswith(HEALTH):
                connection.send(health_answer(head, self.ready()))
            elif head:
                if len(head) == _HEAD:
                    connection.recv(_REST)
                connection.send(FULL)
                self.count_refusal()
        except OSError:
            pass
        connection.close()
        return True
