"""What stands before every request: allowed hosts and origins, limits on bodies, and the headers of every response."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

from numbre_runtime.serve.refusal import ClientGoneError, RefusedError, busy

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
"""ASGI 3's own types."""

TENSOR_LIMIT = 1 << 20
"""Most bytes of an inference request."""
PICTURE_LIMIT = 16 << 20
"""Most bytes of a picture."""
_ALL_BODIES = 64 << 20
"""Most bytes of all bodies together that are held at any time."""
_DRAINED = 64 << 20
"""So many bytes of a body that is too large are still read, so that the client gets to see the answer."""

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""On every response."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
"""On the pages, which load nothing from elsewhere and may be framed by nobody."""


class Hosts:
    """The names by which this service may be called.

    A page of another site that has its own name lead here (DNS rebinding) is told by the name in the `Host` header. An
    IP address leads nowhere else, so that on a service for the network every one is allowed.
    """

    def __init__(self, bound: str, more: Iterable[str]) -> None:
        """Allows this machine's names.

        Args:
            bound: The address that the service listens at.
            more: Further names to allow.
        """
        self.loopback = is_loopback(bound)
        """Whether only this machine can reach it."""
        names = {"localhost", bound, *more}
        if not self.loopback:
            own = socket.gethostname()
            names |= {own, f"{own}.local"}
        self._names = {name.lower().strip("[]") for name in names}

    def allow(self, host: str) -> bool:
        """Whether a `Host` header's value names this service."""
        name = _without_port(host).lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.loopback


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens at an address, a name or a number."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _without_port(host: str) -> str:
    """The name of "name:port" or "[address]:port"."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def check_caller(headers: Mapping[bytes, bytes], hosts: Hosts) -> None:
    """Refuses requests that were sent to another name, or by a page of another site.

    Args:
        headers: The request's headers, with names in lower case.
        hosts: The names of this service.

    Raises:
        RefusedError: Status 421 for the name, 403 for the page.
    """
    host = headers.get(b"host", b"").decode("latin-1")
    if not hosts.allow(host):
        raise RefusedError(421, "the Host header names another machine; allow a name with --allow-host")
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1").partition("://")[2].lower() != host.lower():
        raise RefusedError(403, "a page of another origin may not call this service")


class Bodies:
    """Reads request bodies, each and all together within limits."""

    def __init__(self) -> None:
        self._held = 0

    async def read(self, scope: Scope, receive: Receive, limit: int) -> bytearray:
        """Reads a whole body; `release` has to be called with it afterwards.

        Raises:
            RefusedError: It is larger than `limit`, status 413, or there is no room for it now, status 503.
            ClientGoneError: The connection was closed.
        """
        expected = _content_length(scope)
        body = bytearray()
        refused: RefusedError | None = None
        seen, more = 0, True
        if expected > limit:
            refused = _too_large(limit)
        try:
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGoneError
                chunk, more = message.get("body", b""), message.get("more_body", False)
                seen += len(chunk)
                if refused is None and seen > limit:
                    refused = _too_large(limit)
                if refused is None and self._held + len(chunk) > _ALL_BODIES:
                    refused = busy("too many large requests at once")
                if refused is None:
                    self._held += len(chunk)
                    body += chunk
                elif seen > _DRAINED or expected > _DRAINED:
                    break
            if refused is not None:
                raise refused
        except BaseException:
            self.release(body)
            raise
        return body

    def release(self, body: bytearray) -> None:
        """Says that a body is no longer held."""
        self._held -= len(body)


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"a body of more than {limit:,} bytes")
