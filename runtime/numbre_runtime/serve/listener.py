"""The process: an address, signals, reloads, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from uvicorn import Config, Server

from numbre_runtime.errors import ServeError
from numbre_runtime.serve.admission import AdmittingSocket
from numbre_runtime.serve.connection import HEAD_LIMIT, IDLE_S, HttpConnection, connection_class
from numbre_runtime.serve.fair_loop import fair_loop
from numbre_runtime.serve.service import Service

if TYPE_CHECKING:
    from collections.abc import Sequence

_GRACE_S = 28
"""Requests that are under way at SIGTERM have so many seconds."""
_TICKS_A_SECOND = 10
"""uvicorn's own clock."""
_ACCEPTED_AT_ONCE = 64
"""Connections that are accepted before those that are there get their turn."""
_FIRST_PASSED_DESCRIPTOR = 3
_WAITING_CONNECTIONS = 1024
"""Connections that the kernel holds until then."""

logger = logging.getLogger("numbre.serve")


def open_socket(host: str, port: int) -> AdmittingSocket:
    """A socket that listens at an address, or the one that systemd has opened there (sd_listen_fds(3)).

    Args:
        host: A name or an IP address of this machine.
        port: Its port; 0 takes a free one.

    Raises:
        ServeError: The address is taken, not this machine's, or not allowed.
    """
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0":
        # It outlives a restart of this process: who comes in between waits there and is answered.
        return AdmittingSocket(-1, -1, -1, _FIRST_PASSED_DESCRIPTOR)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = AdmittingSocket(family, kind, protocol)
        if os.name != "nt":
            # On Windows this option would let another program take the address over.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Another process may bind the same address; the second to listen is refused.
        listening.listen(_WAITING_CONNECTIONS)
    except OSError as cause:
        raise ServeError(
            f"{host}:{port} cannot be used ({cause.strerror or cause}); choose another with --port"
        ) from cause
    return listening


def address_of(listening: socket.socket) -> str:
    """The address of a listening socket as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Listener(Server):
    """uvicorn's server with this service's signals.

    SIGTERM and Ctrl-C: not ready at once, the requests under way are answered, the process ends; a second one ends it
    now. SIGHUP: every bundle is read again; a bundle that changes on its own is noticed within a second.
    """

    def __init__(self, service: Service, listening: AdmittingSocket, connections: int) -> None:
        config = Config(
            service,
            http=connection_class(service, listening),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=int(IDLE_S),
            timeout_graceful_shutdown=_GRACE_S,
            backlog=_ACCEPTED_AT_ONCE,
            h11_max_incomplete_event_size=HEAD_LIMIT,
        )
        super().__init__(config)
        self._service, self._listening, self._connections = service, listening, connections
        self._all_again = False
        self._reloading: asyncio.Task[None] | None = None
        self.interrupted = False
        """Whether Ctrl-C ended it."""

    def serve_until_signal(self) -> None:
        """Serves until a signal ends it."""
        self._listening.full = self._is_full
        self._listening.ready = lambda: self._service.protocol.ready
        self._listening.count_refusal = self._service.count_refusal
        try:
            with asyncio.Runner(loop_factory=fair_loop) as runner:
                runner.run(self.serve([self._listening]))
        finally:
            self._service.close()

    def _is_full(self) -> bool:
        return len(self.server_state.connections) + self._listening.coming >= self._connections

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(list(sockets or ()))
        for listening in sockets or ():
            # uvicorn has one number for both.
            listening.listen(_WAITING_CONNECTIONS)

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn; ten times a second."""
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpConnection):
                connection.check_deadline(now)
        self._listening.close_silent()
        if counter % _TICKS_A_SECOND == 0 or self._all_again:
            self._reload_if_changed()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn, which would raise the signal once more at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[int, Callable[[int, FrameType | None], object]] = {
            signal.SIGTERM: self.handle_exit,
            signal.SIGINT: self.handle_exit,
        }
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._hang_up
        earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        del frame
        if self.should_exit:
            os._exit(128 + sig)
        self._service.protocol.ready = False
        self.interrupted = sig == signal.SIGINT
        self.should_exit = True

    def _hang_up(self, _: int, __: FrameType | None) -> None:
        self._all_again = True

    def _reload_if_changed(self) -> None:
        if self._reloading is not None and not self._reloading.done():
            return
        self._reloading = asyncio.get_running_loop().create_task(asyncio.to_thread(self._reload, self._all_again))
        self._all_again = False

    def _reload(self, all_again: bool) -> None:
        shelf = self._service.shelf
        for name in shelf.names if all_again else shelf.changed():
            shelf.reload(name)
        for shadow in self._service.log.shadows.values():
            shadow.reload_if_changed()
