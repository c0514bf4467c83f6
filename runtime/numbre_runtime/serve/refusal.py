"""A request that is refused: its HTTP status and a reason that the client may read."""

from __future__ import annotations

import json

RETRY_AFTER = ("Retry-After", "1")
"""The header that goes with 503: a queue of any size that is allowed here is worked off within a second."""


class RefusedError(Exception):
    """Raised wherever a request turns out to be wrong, or to be too much at this moment.

    Its message goes to the client as JSON: it names no path of this machine and repeats nothing of the request.
    """

    def __init__(self, status: int, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status, 400 to 599."""
        self.message = message
        """What came, what was expected, what to do."""
        self.headers = headers
        """Further headers of the answer, such as `Allow`."""


class ClientGoneError(Exception):
    """Raised when a connection is closed before its request is complete; there is nobody left to answer."""


def busy(what: str) -> RefusedError:
    """The refusal of a request that there is no room for now."""
    return RefusedError(503, f"{what}; try again later", RETRY_AFTER)


def error_body(message: str) -> bytes:
    """The JSON body of every refusal, as the Open Inference Protocol gives errors."""
    return json.dumps({"error": message}).encode()
