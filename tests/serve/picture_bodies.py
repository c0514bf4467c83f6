"""Loaded by schemathesis: the pictures that it sends."""

from __future__ import annotations

import io

import schemathesis
from hypothesis import strategies
from PIL import Image


def picture(kind: str) -> bytes:
    """A blank picture as a file, "PNG" or "JPEG"."""
    stream = io.BytesIO()
    Image.new("L", (28, 28)).save(stream, kind)
    return stream.getvalue()


schemathesis.openapi.media_type("image/png", strategies.just(picture("PNG")))
schemathesis.openapi.media_type("image/jpeg", strategies.just(picture("JPEG")))
