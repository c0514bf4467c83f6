"""The routes of the Open Inference Protocol: health, metadata, inference."""

from __future__ import annotations

import time
from typing import Any

from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from numbre_runtime import __version__
from numbre_runtime.serve.answer_log import AnswerLog
from numbre_runtime.serve.guards import TENSOR_LIMIT, Bodies
from numbre_runtime.serve.open_inference import (
    BINARY_HEADER,
    EXTENSIONS,
    INPUT,
    OUTPUTS,
    TensorHead,
    read_request,
    write_response,
)
from numbre_runtime.serve.refusal import RefusedError
from numbre_runtime.serve.served_model import Answers, ServedModel
from numbre_runtime.serve.shelf import Shelf
from numbre_runtime.serve.telemetry import Telemetry
from numbre_runtime.serve.work_queue import Batches, WorkQueue

_AT_ONCE_S = 200e-6
"""What takes no longer than this is computed on the event loop: the way to another thread and back takes as long."""
_READ_AT_ONCE = 64 << 10
"""Bodies up to so many bytes are parsed on the event loop; a millisecond's work."""
_JSON_TYPES = ("", "application/json", "application/octet-stream")
Written = tuple[bytes, int | None]
"""A response's body, and how many bytes of it are JSON if binary tensors follow."""


class ProtocolRoutes:
    """The Open Inference Protocol over one shelf of models."""

    def __init__(
        self, shelf: Shelf, queue: WorkQueue, telemetry: Telemetry, bodies: Bodies, batch: bool, log: AnswerLog
    ) -> None:
        self._shelf, self._queue, self._bodies, self._log = shelf, queue, bodies, log
        self._batches = Batches(queue) if batch else None
        self._read_took, self._infer_took, self._write_took = telemetry.stages
        self.live, self.ready = True, True
        """What the health routes say."""

    def routes(self) -> list[Route]:
        """Its routes, also those below a version."""
        found = [
            Route("/v2", self._server),
            Route("/v2/health/live", self._live),
            Route("/v2/health/ready", self._ready),
        ]
        for base in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            found += [
                Route(base, self._model),
                Route(f"{base}/ready", self._model_ready),
                Route(f"{base}/infer", self._infer, methods=["POST"]),
            ]
        return found

    def answer_at_once(self, name: str, body: bytes, json_length: int | None) -> Written | None:
        """Answers an inference request without waiting for anything.

        Args:
            name: A model's name.
            body: The request's body.
            json_length: See `read_request`.

        Returns:
            The response; None where it takes so long that a thread has to do it, or the model is gone.

        Raises:
            RefusedError: The request is wrong.
        """
        model = self._shelf.find(name)
        if model is None or self._batches is not None or len(body) > _READ_AT_ONCE:
            return None
        start = time.perf_counter()
        head, tensor = read_request(body, json_length)
        if not _is_quick(model, tensor):
            return None
        read = time.perf_counter()
        answers = model.answer(tensor)
        answered = time.perf_counter()
        written = write_response(head, answers, name, model.version)
        self._took(start, read, answered)
        self._log.add(model, tensor, answers)
        return written

    def _took(self, start: float, read: float, answered: float) -> None:
        self._read_took(read - start)
        self._infer_took(answered - read)
        self._write_took(time.perf_counter() - answered)

    async def _server(self, _: Request) -> Response:
        return JSONResponse({"name": "numbre-serve", "version": __version__, "extensions": list(EXTENSIONS)})

    async def _live(self, _: Request) -> Response:
        return JSONResponse({"live": self.live})

    async def _ready(self, _: Request) -> Response:
        return JSONResponse({"ready": self.ready}, 200 if self.ready else 503)

    async def _model(self, request: Request) -> Response:
        model = self._find(request)
        batch = [-1, *model.spec.shape]
        outputs = [
            {
                "name": name,
                "datatype": datatype,
                "shape": [-1, len(model.classifier.labels)] if name == "scores" else [-1],
            }
            for name, datatype in OUTPUTS.items()
        ]
        return JSONResponse(
            {
                "name": model.name,
                "versions": [model.version],
                "platform": f"numbre_{model.classifier.artifact.format}",
                "inputs": [{"name": INPUT, "datatype": model.input_datatype, "shape": batch}],
                "outputs": outputs,
                "parameters": {
                    "labels": list(model.classifier.labels),
                    "none_label": model.classifier.none_label,
                    "threshold": model.classifier.threshold,
                },
            }
        )

    async def _model_ready(self, request: Request) -> Response:
        model = self._find(request)
        stale = model.name in self._shelf.failed
        content = {"name": model.name, "version": model.version, "ready": self.ready, "reload_failed": stale}
        return JSONResponse(content, 200 if self.ready else 503)

    async def _infer(self, request: Request) -> Response:
        model = self._find(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _JSON_TYPES or "content-encoding" in request.headers:
            raise RefusedError(
                415, "expected a body of application/json, or of application/octet-stream with binary tensors"
            )
        json_length = binary_header(request.headers.get(BINARY_HEADER))
        body = await self._bodies.read(request.scope, request.receive, TENSOR_LIMIT)
        try:
            text, length = await self._answer(model, bytes(body), json_length)
        finally:
            self._bodies.release(body)
        return Response(text, headers=dict(response_headers(length)))

    async def _answer(self, model: ServedModel, body: bytes, json_length: int | None) -> Written:
        """Answers an inference request here or, where that takes long, in a thread."""
        start = time.perf_counter()
        if len(body) <= _READ_AT_ONCE:
            head, tensor = read_request(body, json_length)
        else:
            head, tensor = await self._queue.run(lambda: read_request(body, json_length))
        read = time.perf_counter()
        answers = await self._answers(model, tensor)
        answered = time.perf_counter()
        written = await self._written(head, answers, model)
        self._took(start, read, answered)
        self._log.add(model, tensor, answers)
        return written

    async def _answers(self, model: ServedModel, tensor: NDArray[Any]) -> Answers:
        if self._batches is not None and tensor.shape == (1, *model.spec.shape) and tensor.dtype == model.spec.dtype:
            return await self._batches.answer(model, tensor)
        if _is_quick(model, tensor):
            return model.answer(tensor)
        return await self._queue.run(lambda: model.answer(tensor))

    async def _written(self, head: TensorHead, answers: Answers, model: ServedModel) -> Written:
        def write() -> Written:
            return write_response(head, answers, model.name, model.version)

        return write() if answers.scores.nbytes <= _READ_AT_ONCE else await self._queue.run(write)

    def _find(self, request: Request) -> ServedModel:
        model = self._shelf.find(request.path_params["name"])
        if model is None:
            raise RefusedError(404, f"no model of that name; there are {', '.join(self._shelf.names)}")
        request.scope["numbre.model"] = model.name
        if request.path_params.get("version", model.version) != model.version:
            raise RefusedError(404, f"no such version of it; there is {model.version}")
        return model


def _is_quick(model: ServedModel, tensor: NDArray[Any]) -> bool:
    """Whether the answer takes no longer than handing the images to another thread would."""
    return model.seconds * max(1, tensor.size // model.values) <= _AT_ONCE_S


def binary_header(value: str | None) -> int | None:
    """The number that `BINARY_HEADER` gives; None where it is absent.

    Raises:
        RefusedError: It is no whole number; status 400.
    """
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise RefusedError(400, f"{BINARY_HEADER} is no whole number of bytes")
    return int(value)


def response_headers(json_length: int | None) -> list[tuple[str, str]]:
    """The headers of an inference response."""
    if json_length is None:
        return [("Content-Type", "application/json")]
    return [("Content-Type", "application/octet-stream"), (BINARY_HEADER, str(json_length))]
