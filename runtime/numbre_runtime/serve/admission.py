"""Refusing connections that there is no room for, at a tenth of what asyncio takes to accept one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from numbre_runtime.serve.connection import FULL, HEALTH

_REFUSED_AT_ONCE = 256
"""Connections that are refused before those that are there get their turn."""
_DISCARDED = 1 << 16
"""Bytes that are read of a refused request; what is left unread would take the answer away from the client."""


def _always_room() -> bool:
    return False


class AdmittingSocket(socket.socket):
    """A listening socket that itself answers 503 while the service is full.

    Requests that ask for health are let through, and connections whose request has not come yet: `HttpConnection` sees
    to these.
    """

    full: Callable[[], bool] = staticmethod(_always_room)
    """Whether there is no room for another connection; set by whoever knows."""
    count_refusal: Callable[[], object] = staticmethod(_always_room)
    """Called for every connection that is refused."""

    def accept(self) -> tuple[socket.socket, Any]:
        """See socket.socket.

        Raises:
            BlockingIOError: Nobody waits, or enough were refused for now.
        """
        for _ in range(_REFUSED_AT_ONCE):
            connection, address = super().accept()
            if not (self.full() and _refused(connection)):
                return connection, address
            self.count_refusal()
        raise BlockingIOError


def _refused(connection: socket.socket) -> bool:
    """Answers 503 and closes, unless the request asks for health or has not come yet."""
    try:
        connection.setblocking(False)
        if connection.recv(len(HEALTH), socket.MSG_PEEK) == HEALTH:
            return False
        connection.recv(_DISCARDED)
        connection.send(FULL)
    except BlockingIOError:
        return False
    except OSError:
        # The client has gone.
        pass
    connection.close()
    return True
