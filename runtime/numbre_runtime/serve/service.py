"""The whole service as one ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from numbre_runtime.serve.answer_log import AnswerLog
from numbre_runtime.serve.guards import HEADERS, Bodies, Hosts, Receive, Scope, Send, check_caller
from numbre_runtime.serve.openapi import description
from numbre_runtime.serve.picture_routes import PictureRoutes
from numbre_runtime.serve.protocol_routes import ProtocolRoutes
from numbre_runtime.serve.refusal import ClientGoneError, RefusedError, error_body
from numbre_runtime.serve.shelf import Shelf
from numbre_runtime.serve.site_routes import SiteRoutes
from numbre_runtime.serve.telemetry import CONTENT_TYPE, Telemetry
from numbre_runtime.serve.work_queue import WorkQueue

_PICTURES_AT_ONCE = 8
"""Pictures that may wait; each may take a second and hold 16 MiB."""
_CLIENT_GONE = 499

logger = logging.getLogger("numbre.serve")


class Service:
    """Routes, guards and counters over one shelf of models; an ASGI 3 application."""

    def __init__(self, shelf: Shelf, hosts: Hosts, queue_limit: int, batch: bool, log: AnswerLog | None = None) -> None:
        """Puts the service together.

        Args:
            shelf: The models.
            hosts: The names by which it may be called.
            queue_limit: Inference requests that may wait.
            batch: Whether single images that wait are joined into one call of the engine.
            log: What remembers the answers, with the shadows; None: without shadows.
        """
        self.shelf, self.hosts = shelf, hosts
        self._queues = (WorkQueue("tensors", queue_limit), WorkQueue("pictures", _PICTURES_AT_ONCE))
        self.log = log or AnswerLog({})
        self.telemetry = Telemetry(shelf, self._queues, self.log)
        bodies = Bodies()
        self.protocol = ProtocolRoutes(shelf, self._queues[0], self.telemetry, bodies, batch, self.log)
        self._app = Starlette(
            routes=[
                *self.protocol.routes(),
                *PictureRoutes(shelf, self._queues[1], bodies, self.log).routes(),
                *SiteRoutes(shelf).routes(),
                Route("/metrics", self._metrics),
                Route("/openapi.json", self._openapi),
            ],
            exception_handlers={
                RefusedError: _refused,
                ClientGoneError: _gone,
                HTTPException: _http_error,
                Exception: _failed,
            },
        )
        # An address with a slash too many is not found, rather than led elsewhere.
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_GONE

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        try:
            self.check(scope["headers"])
        except RefusedError as refusal:
            await _json(refusal)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
        finally:
            self.telemetry.count(scope.get("numbre.model", ""), status)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Refuses requests that come by another name or from a page of another site.

        Raises:
            RefusedError: See `check_caller`.
        """
        check_caller(dict(headers), self.hosts)

    def count_refusal(self) -> None:
        """Counts a connection that is refused for want of room before its request is read."""
        self.telemetry.count("", 503)

    def close(self) -> None:
        """Lets its threads end."""
        for queue in self._queues:
            queue.close()
        self.log.close()

    async def _metrics(self, _: Request) -> Response:
        return Response(self.telemetry.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _openapi(self, _: Request) -> Response:
        return JSONResponse(description(self.shelf.models))


def _json(refusal: RefusedError) -> Response:
    return Response(error_body(refusal.message), refusal.status, dict(refusal.headers), "application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 - Starlette hands each handler its own kind
    return _json(error)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


async def _http_error(_: Request, error: Exception) -> Response:
    """404 and 405, with the methods that are allowed."""
    assert isinstance(error, HTTPException)  # noqa: S101
    messages = {404: "no such address; /openapi.json lists them", 405: "this method is not allowed here"}
    headers = tuple((error.headers or {}).items())
    return _json(
        RefusedError(error.status_code, messages.get(error.status_code, "this request is not understood"), *headers)
    )


async def _failed(_: Request, __: Exception) -> Response:
    """An error of our own: uvicorn logs it, and the client sees nothing of it."""
    return _json(RefusedError(500, "the service failed at this request; its log says why"))
