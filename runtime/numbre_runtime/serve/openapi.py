"""The service described in OpenAPI 3.1, for the very models that it serves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from numbre_runtime import __version__
from numbre_runtime.serve.open_inference import BINARY_HEADER, EXTENSIONS, INPUT, OUTPUTS
from numbre_runtime.serve.served_model import ServedModel

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_BOX: Schema = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 4,
    "maxItems": 4,
    "description": "left, top, right, bottom in the upright picture's pixels; right and bottom lie just outside",
}
_REFUSALS = {
    400: "The request is wrong; the error says what was expected.",
    403: "A page of another origin may not call this service.",
    404: "There is no such model or version.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    415: "The body is of another content type.",
    421: "The Host header names another machine.",
    501: "Reading pages needs OpenCV, which is not installed here.",
    503: "There is no room for the request now, or the service is about to end.",
}


def description(models: Iterable[ServedModel]) -> Schema:
    """The OpenAPI document.

    Args:
        models: The models that are served, the default one first.
    """
    served = tuple(models)
    names = [model.name for model in served]
    paths: Schema = {
        "/v2": _get("The server's name, version and extensions", _server_schema()),
        "/v2/health/live": _get("Whether the process answers", _object(live=_BOOLEAN)),
        "/v2/health/ready": _get("Whether it takes requests", _object(ready=_BOOLEAN), 503),
        "/models": _get("What a page needs to know of the models", _models_schema()),
        "/predict": _picture("The digit of a picture", _prediction_schema(), names),
        "/read": _picture("All numbers on a page", _page_schema(), names, 501),
        "/metrics": _get("Prometheus's text format", _STRING, media="text/plain"),
        "/openapi.json": _get("This document", {"type": "object"}),
        "/": _get("A page to draw on", _STRING, media="text/html"),
        "/camera": _get("A page that reads what a camera sees", _STRING, media="text/html"),
    }
    for model in served:
        for base in (f"/v2/models/{model.name}", f"/v2/models/{model.name}/versions/{model.version}"):
            paths[base] = _get("The model's inputs and outputs", _model_schema())
            paths[f"{base}/ready"] = _get("Whether it answers", _ready_schema(), 503)
            paths[f"{base}/infer"] = {"post": _infer(model)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "numbre-serve",
            "version": __version__,
            "description": "Inference by the Open Inference Protocol (KServe V2).",
        },
        "paths": paths,
        "components": {"schemas": {"Error": _object(error=_STRING)}},
    }


def _object(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _responses(schema: Schema, *refusals: int, media: str = "application/json") -> Schema:
    result: Schema = {"200": {"description": "The answer.", "content": {media: {"schema": schema}}}}
    for status in (403, 408, 421, *refusals):
        error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        if status == 503 and not media.startswith("text/"):
            error["application/json"]["schema"] = {"type": "object"}
        result[str(status)] = {"description": _REFUSALS[status], "content": error}
    return result


def _get(summary: str, schema: Schema, *refusals: int, media: str = "application/json") -> Schema:
    return {"get": {"summary": summary, "responses": _responses(schema, *refusals, media=media)}}


def _picture(summary: str, schema: Schema, names: list[str], *refusals: int) -> Schema:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")}
    return {
        "post": {
            "summary": summary,
            "parameters": [{"name": "model", "in": "query", "required": False, "schema": {"enum": names}}],
            "requestBody": {"required": True, "content": content},
            "responses": _responses(schema, 400, 404, 413, 415, 503, *refusals),
        }
    }


def _server_schema() -> Schema:
    return _object(name=_STRING, version=_STRING, extensions={"type": "array", "items": {"enum": list(EXTENSIONS)}})


def _tensor_schema() -> Schema:
    return _object(name=_STRING, datatype=_STRING, shape={"type": "array", "items": {"type": "integer"}})


def _model_schema() -> Schema:
    tensors = {"type": "array", "items": _tensor_schema()}
    return _object(
        name=_STRING,
        versions={"type": "array", "items": _STRING},
        platform=_STRING,
        inputs=tensors,
        outputs=tensors,
        parameters=_object(labels={"type": "array", "items": _STRING}, none_label=_nullable(_STRING), threshold=_SHARE),
    )


def _ready_schema() -> Schema:
    return _object(name=_STRING, version=_STRING, ready=_BOOLEAN, reload_failed=_BOOLEAN)


def _models_schema() -> Schema:
    model = _object(
        name=_STRING,
        labels={"type": "array", "items": _STRING},
        none_label=_nullable(_STRING),
        threshold=_SHARE,
        takes_drawings=_BOOLEAN,
        artifact=_STRING,
        backend=_STRING,
    )
    return _object(models={"type": "array", "items": model}, reads_pages=_BOOLEAN)


def _prediction_schema() -> Schema:
    return _object(
        model=_STRING,
        label={"type": "string", "description": "empty for a blank picture"},
        confidence=_SHARE,
        recognized={**_BOOLEAN, "description": "false: no digit, none of the classes"},
        found=_nullable(_object(box=_BOX, dark_ink=_BOOLEAN, others={"type": "integer"})),
        scores={"type": "object", "additionalProperties": _SHARE},
        artifact=_STRING,
        backend=_STRING,
    )


def _page_schema() -> Schema:
    digit = _object(label=_STRING, confidence=_SHARE, box=_BOX)
    separator = _object(text=_STRING, before={"type": "integer"}, box=_BOX)
    number = _object(
        text=_STRING,
        confidence=_SHARE,
        box=_BOX,
        separators={"type": "array", "items": separator},
        digits={"type": "array", "items": digit},
    )
    return _object(
        model=_STRING,
        width={"type": "integer"},
        height={"type": "integer"},
        dark_ink=_BOOLEAN,
        text=_STRING,
        lines={"type": "array", "items": {"type": "array", "items": number}},
        left_out={"type": "array", "items": _BOX},
        turned={"type": "integer", "enum": [0, 90, 180, 270]},
        artifact=_STRING,
        backend=_STRING,
    )


def _infer(model: ServedModel) -> Schema:
    """Inference, described for one image; more go with a first axis of that length."""
    output = {
        "type": "object",
        "properties": {
            "name": {"enum": list(OUTPUTS)},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": sorted(set(OUTPUTS.values()))},
            "data": {"type": "array"},
            "parameters": {"type": "object"},
        },
        "required": ["name", "shape", "datatype"],
    }
    response = {
        "type": "object",
        "properties": {
            "model_name": {"const": model.name},
            "model_version": {"const": model.version},
            "id": _STRING,
            "outputs": {"type": "array", "items": output},
        },
        "required": ["model_name", "model_version", "outputs"],
    }
    responses = _responses(response, 400, 404, 413, 415, 503)
    responses["200"]["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    return {
        "summary": "Classifies images",
        "description": (
            f"This describes one image as JSON. N images have {[-1, *model.spec.shape]} as their shape, with N in the "
            f"first place. With the header {BINARY_HEADER} binary tensors follow the JSON."
        ),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _request_schema(model)}}},
        "responses": responses,
    }


def _request_schema(model: ServedModel) -> Schema:
    values = math.prod(model.spec.shape)
    whole = model.spec.dtype == "uint8"
    number = (
        {"type": "integer", "minimum": 0, "maximum": 255}
        if whole
        else {"type": "number", "minimum": -1e30, "maximum": 1e30}
    )
    tensor = _object(
        name={"const": INPUT},
        datatype={"const": model.input_datatype},
        shape={"const": [1, *model.spec.shape]},
        data={"type": "array", "items": number, "minItems": values, "maxItems": values},
    )
    classes = len(model.classifier.labels)
    scores = {
        "type": "object",
        "properties": {
            "name": {"const": "scores"},
            "parameters": {
                "type": "object",
                "properties": {
                    "classification": {"type": "integer", "minimum": 1, "maximum": classes},
                    "binary_data": _BOOLEAN,
                },
            },
        },
        "required": ["name"],
    }
    others = {
        "type": "object",
        "properties": {
            "name": {"enum": [name for name in OUTPUTS if name != "scores"]},
            "parameters": {
                "type": "object",
                "properties": {"binary_data": _BOOLEAN},
                "not": {"required": ["classification"]},
            },
        },
        "required": ["name"],
    }
    return {
        "type": "object",
        "properties": {
            "id": _STRING,
            "inputs": {"type": "array", "items": tensor, "minItems": 1, "maxItems": 1},
            "outputs": {"type": "array", "items": {"anyOf": [scores, others]}, "maxItems": 16},
            "parameters": {"type": "object", "properties": {"binary_data_output": _BOOLEAN}},
        },
        "required": ["inputs"],
    }
