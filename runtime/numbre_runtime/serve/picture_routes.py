"""The routes that take a picture: one digit, or all the numbers of a page."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from numbre_runtime.errors import BundleError, ImageError, PhotoNotInstalledError
from numbre_runtime.json_forms import engine_json, page_json, prediction_json
from numbre_runtime.serve.answer_log import AnswerLog
from numbre_runtime.serve.guards import PICTURE_LIMIT, Bodies
from numbre_runtime.serve.refusal import RefusedError
from numbre_runtime.serve.served_model import ServedModel
from numbre_runtime.serve.shelf import Shelf
from numbre_runtime.serve.work_queue import WorkQueue

_SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
"""The content types that are taken, and how their files begin."""


class PictureRoutes:
    """Answers pictures with what the Python API returns for them."""

    def __init__(self, shelf: Shelf, queue: WorkQueue, bodies: Bodies, log: AnswerLog) -> None:
        self._shelf, self._queue, self._bodies, self._log = shelf, queue, bodies, log

    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("/predict", self._predict, methods=["POST"]), Route("/read", self._read, methods=["POST"])]

    async def _predict(self, request: Request) -> Response:
        return await self._answer(request, self._prediction)

    async def _read(self, request: Request) -> Response:
        return await self._answer(request, _page)

    async def _answer(self, request: Request, read: Callable[[ServedModel, bytes], dict[str, Any]]) -> Response:
        model = self._find(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _SIGNATURES:
            raise RefusedError(415, f"expected a picture, {' or '.join(_SIGNATURES)}")
        body = await self._bodies.read(request.scope, request.receive, PICTURE_LIMIT)
        try:
            if not body.startswith(_SIGNATURES[kind]):
                raise RefusedError(400, f"the body is no {kind}")
            content = await self._queue.run(lambda: read(model, bytes(body)))
        except ImageError as error:
            raise RefusedError(400, str(error)) from error
        except BundleError as error:
            raise RefusedError(
                400, "pages are read with a model of the ten digits, and this one has other classes"
            ) from error
        except PhotoNotInstalledError as error:
            raise RefusedError(501, str(error)) from error
        finally:
            self._bodies.release(body)
        return JSONResponse({"model": model.name, **content})

    def _prediction(self, model: ServedModel, picture: bytes) -> dict[str, Any]:
        answer = model.classifier.predict(picture)
        if answer.seen is not None:
            self._log.add(model, answer.seen, model.answers(answer.scores[None]))
        return prediction_json(answer, model.classifier)

    def _find(self, request: Request) -> ServedModel:
        """The model that the query names, else the default one."""
        name = request.query_params.get("model", self._shelf.names[0])
        model = self._shelf.find(name)
        if model is None:
            raise RefusedError(404, f"no model of that name; there are {', '.join(self._shelf.names)}")
        request.scope["numbre.model"] = model.name
        return model


def reads_pages() -> bool:
    """Whether OpenCV, the extra `photo`, is here."""
    return importlib.util.find_spec("cv2") is not None


def _page(model: ServedModel, picture: bytes) -> dict[str, Any]:
    # Imported here because it needs the extra `photo`.
    from numbre_runtime.page import read

    return {**page_json(read(picture, model.classifier)), **engine_json(model.classifier)}
