"""The routes for people: the pages, what they are made of, and what they need to know of the models."""

from __future__ import annotations

from importlib import resources

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from numbre_runtime.serve.guards import PAGE_HEADERS
from numbre_runtime.serve.picture_routes import reads_pages
from numbre_runtime.serve.shelf import Shelf

_PAGES = {"/": "draw.html", "/camera": "camera.html"}
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def site_files() -> dict[str, bytes]:
    """The pages' files, name to content."""
    folder = resources.files("numbre_runtime.serve") / "site"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if _suffix(entry.name) in _TYPES}


class SiteRoutes:
    """The pages. Their files are read once, so that no request leads into a folder."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._files = site_files()

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            *(Route(path, self._file, name=name) for path, name in _PAGES.items()),
            *(Route(f"/site/{name}", self._file, name=name) for name in self._files),
            Route("/models", self._models),
        ]

    async def _file(self, request: Request) -> Response:
        name = _PAGES.get(request.url.path, request.url.path.rpartition("/")[2])
        return Response(self._files[name], headers=PAGE_HEADERS, media_type=_TYPES[_suffix(name)])

    async def _models(self, _: Request) -> Response:
        models = [
            {
                "name": model.name,
                "labels": list(model.classifier.labels),
                "none_label": model.classifier.none_label,
                "threshold": model.classifier.threshold,
                "takes_drawings": model.takes_drawings,
                "artifact": model.classifier.artifact.file,
                "backend": model.classifier.backend,
            }
            for model in self._shelf.models
        ]
        return JSONResponse({"models": models, "reads_pages": reads_pages()})


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]
