"""One HTTP connection: uvicorn's own, by h11, with time-outs and a fast path for inference.

The fast path has no HTTP parser of its own. The head of an inference request (request line and headers) that h11 has
parsed and the service has let through is remembered by its bytes; a request that comes whole, with the very same head,
means the same and is answered without parsing it again. Whatever differs goes through h11. That saves most of the time
of a request to a small model.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, ClassVar

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from numbre_runtime.serve.admission import AdmittingSocket
from numbre_runtime.serve.canned import LATE, MALFORMED
from numbre_runtime.serve.guards import HEADERS
from numbre_runtime.serve.open_inference import BINARY_HEADER
from numbre_runtime.serve.protocol_routes import binary_header, response_headers
from numbre_runtime.serve.refusal import RefusedError
from numbre_runtime.serve.service import Service

HEAD_S = 10.0
"""A request's head has to be there so many seconds after the connection was made, or after its first byte came."""
BODY_S = 60.0
"""And so many seconds later its body."""
LINGER_S = 2.0
"""The rest of a request that is answered already is read so long; a client that still sends then sees the answer."""
IDLE_S = 65.0
"""A connection without requests is closed after so many seconds."""
HEAD_LIMIT = 16 << 10
"""Most bytes of a head."""
_REMEMBERED_HEADS = 256
_Known = tuple[str, int, int | None]
"""Of a remembered head: the model's name, the body's length, and how many bytes of it are JSON, see `read_request`."""


class HttpConnection(H11Protocol):
    """See above; made by uvicorn for every connection."""

    service: ClassVar[Service]
    """The service that answers; set by `connection_class`."""
    listening: ClassVar[AdmittingSocket]
    """The socket through which it came."""
    known: ClassVar[dict[bytes, _Known]]
    """The remembered heads."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline = math.inf

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self.listening.coming -= 1
        self._deadline = self.loop.time() + HEAD_S

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        fresh = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if fresh and self.conn.our_state is h11.IDLE and self._answered_at_once(data):
            self.listening.after_request()
            return
        scope = self.scope
        if fresh:
            self._deadline = self.loop.time() + HEAD_S
        super().data_received(data)
        if self.conn.their_state is h11.SEND_BODY:
            if scope is not self.scope:
                self._deadline = self.loop.time() + BODY_S
        elif self.conn.their_state is not h11.IDLE:
            # The request is complete; from its response on, uvicorn's own timer runs.
            self._deadline = math.inf
            if fresh and scope is not self.scope:
                self._remember(data)

    def on_response_complete(self) -> None:
        """See H11Protocol."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._deadline = self.loop.time() + LINGER_S

    def check_deadline(self, now: float) -> None:
        """Ends the connection if its request is overdue."""
        if now <= self._deadline or self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self.transport.close()
        elif self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._close_with(LATE)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """See H11Protocol; as JSON."""
        del msg
        self._close_with(MALFORMED)

    def _close_with(self, response: bytes) -> None:
        self.transport.write(response)
        self.transport.close()

    def _answered_at_once(self, data: bytes) -> bool:
        """Answers a whole request whose head is remembered; False: it has to go the usual way."""
        end = data.find(b"\r\n\r\n") + 4
        found = self.known.get(data[:end])
        if found is None or len(data) - end != found[1] or self.transport.get_write_buffer_size():
            return False
        name, _, json_length = found
        try:
            written = self.service.protocol.answer_at_once(name, data[end:], json_length)
        except RefusedError:
            return False
        if written is None:
            return False
        body, length = written
        headers = [*self.server_state.default_headers, *HEADERS]
        head = b"".join(
            [
                b"HTTP/1.1 200 OK\r\n",
                *(b"%b: %b\r\n" % header for header in headers),
                *(b"%b: %b\r\n" % (key.encode(), value.encode()) for key, value in response_headers(length)),
                b"content-length: %d\r\n\r\n" % len(body),
            ]
        )
        self._unset_keepalive_if_required()
        self.transport.write(head + body)
        self.service.telemetry.count(name, 200)
        self._deadline = self.loop.time() + IDLE_S
        return True

    def _remember(self, data: bytes) -> None:
        """Remembers the head of a request that came whole, if it asks for nothing but one inference."""
        end = data.find(b"\r\n\r\n") + 4
        headers = dict(self.headers)
        parts = self.scope["path"].split("/")
        if (
            len(headers) != len(self.headers)
            or self.scope["http_version"] != "1.1"
            or self.scope["method"] != "POST"
            or self.scope["query_string"]
            or parts[:3] != ["", "v2", "models"]
            or parts[4:] != ["infer"]
            or self.conn.their_state is not h11.DONE
            or headers.keys() & {b"transfer-encoding", b"expect", b"content-encoding", b"upgrade"}
            or headers.get(b"content-type", b"application/json")
            not in (b"application/json", b"application/octet-stream")
            or int(headers.get(b"content-length", b"0")) != len(data) - end
        ):
            return
        try:
            self.service.check(self.headers)
            json_length = binary_header(headers.get(BINARY_HEADER.lower().encode(), b"").decode("latin-1") or None)
        except RefusedError:
            return
        if len(self.known) >= _REMEMBERED_HEADS:
            self.known.clear()
        self.known[data[:end]] = (parts[3], len(data) - end, json_length)


def connection_class(served: Service, through: AdmittingSocket) -> type[HttpConnection]:
    """The class of the connections to one service."""

    class ServiceConnection(HttpConnection):
        service, listening, known = served, through, {}

    return ServiceConnection
