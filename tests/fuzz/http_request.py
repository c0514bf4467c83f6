"""Requests to the service, as its application gets them from the HTTP server."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import MutableMapping
from typing import Any

import numpy as np

from numbre_runtime.bundle import DEFAULT_BUNDLE
from numbre_runtime.serve.guards import Hosts
from numbre_runtime.serve.service import Service
from numbre_runtime.serve.shelf import Shelf

_NAME = DEFAULT_BUNDLE.name


@functools.cache
def _service() -> tuple[Service, asyncio.AbstractEventLoop]:
    return Service(Shelf({_NAME: DEFAULT_BUNDLE}, 1), Hosts("127.0.0.1", ()), 64, batch=False), asyncio.new_event_loop()


def answer(content: bytes) -> int:
    """Sends a request and returns the answer's status.

    Args:
        content: A line with the path, a line with the media type, a line with the length of the JSON before binary
            tensors (or none), and the body.
    """
    path, _, rest = content.partition(b"\n")
    kind, _, rest = rest.partition(b"\n")
    length, _, body = rest.partition(b"\n")
    headers = [(b"host", b"127.0.0.1"), (b"content-type", kind), (b"content-length", b"%d" % len(body))]
    if length:
        headers.append((b"inference-header-content-length", length))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    statuses: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    service, loop = _service()
    loop.run_until_complete(service(scope, receive, send))
    (status,) = statuses
    return status


def sound_requests(picture: bytes) -> list[bytes]:
    """One request of each kind; `picture` is a PNG file."""
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, 28, 28]}
    outputs = [{"name": "scores", "parameters": {"classification": 3}}, {"name": "label"}]
    pixels = np.zeros((1, 28, 28), np.uint8)
    infer = f"/v2/models/{_NAME}/infer".encode()
    plain = json.dumps(
        {"id": "1", "inputs": [{**tensor, "data": pixels.ravel().tolist()}], "outputs": outputs}
    ).encode()
    nested = json.dumps({"inputs": [{**tensor, "data": pixels.tolist()}]}).encode()
    binary = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": pixels.size}}]}).encode()
    return [
        b"\n".join([infer, b"application/json", b"", plain]),
        b"\n".join([infer, b"application/json", b"", nested]),
        b"\n".join([infer, b"application/octet-stream", b"%d" % len(binary), binary + pixels.tobytes()]),
        b"\n".join([b"/predict", b"image/png", b"", picture]),
        b"\n".join([b"/read", b"image/png", b"", picture]),
    ]
