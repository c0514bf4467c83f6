"""Whole responses that end their connection, ready to be written without an HTTP library."""

from __future__ import annotations

from numbre_runtime.serve.refusal import RETRY_AFTER, error_body

HEALTH = b"GET /v2/health/"
"""How requests for health begin."""


def _canned(status: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


FULL = _canned("503 Service Unavailable", error_body("too many connections; try again later"), RETRY_AFTER)
LATE = _canned("408 Request Timeout", error_body("the request did not arrive in time"))
MALFORMED = _canned("400 Bad Request", error_body("this is no valid HTTP/1.1 request"))
_LIVE = _canned("200 OK", b'{"live":true}')
_READY = {True: _canned("200 OK", b'{"ready":true}'), False: _canned("503 Service Unavailable", b'{"ready":false}')}


def health_answer(request: bytes, ready: bool) -> bytes:
    """The response to a request that begins with HEALTH."""
    return _READY[ready] if request.startswith(HEALTH + b"ready") else _LIVE
