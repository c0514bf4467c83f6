"""How answers show themselves in a notebook: HTML with the pictures inside, readable on light and dark pages."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.pictures.picture import orientation, upright, with_picture
from numbre_runtime.text import html_text

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from numbre_runtime.classifier import Prediction

_SIDE = 168
"""Height of the pictures in pixels of the page."""
_MOST_BARS = 11
"""The best classes of a prediction that has more."""
_BOX = (220, 30, 30)


def prediction_html(prediction: Prediction) -> str:
    """A prediction as HTML: the picture with the digit's box, what the network got, and a bar for each class."""
    parts = []
    photo = _photo(prediction)
    if photo is not None:
        parts.append(_figure(photo, "the picture"))
    seen = _seen(prediction.seen)
    if seen is not None:
        parts.append(_figure(seen, "what the network got", "image-rendering: pixelated; "))
    parts.append(_bars(prediction))
    answer = html_text(prediction.label) if prediction.recognized else "not recognized"
    title = f"<div><b>{answer}</b> {prediction.confidence:.1%}</div>"
    return f'{title}<div style="display: flex; gap: 1em; flex-wrap: wrap; align-items: center">{"".join(parts)}</div>'


def png_figure(png: bytes, text: str, style: str = "") -> str:
    """A PNG file as an HTML image."""
    content = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html_text(text)}" style="{style}" src="data:image/png;base64,{content}">'


def _figure(picture: Image, text: str, style: str = "") -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return png_figure(stream.getvalue(), text, f"{style}height: {_SIDE}px; border: 1px solid gray")


def _photo(prediction: Prediction) -> Image | None:
    """The picture, small, with a box around its digit; None where it is not kept or cannot be opened any more."""
    from PIL import ImageDraw

    if prediction.source is None:
        return None

    def small(picture: Image, size: tuple[int, int]) -> Image:
        # A draft has fewer pixels than the picture itself.
        shown = upright(picture, orientation(picture)).convert("RGB")
        scale = max(shown.size) / max(size)
        if max(shown.size) > 2 * _SIDE:
            scale *= 2 * _SIDE / max(shown.size)
            shown.thumbnail((2 * _SIDE, 2 * _SIDE))
        if prediction.found is not None:
            left, top, right, bottom = (scale * side for side in prediction.found.box)
            ImageDraw.Draw(shown).rectangle((left, top, right - 1, bottom - 1), outline=_BOX, width=2)
        return shown

    try:
        return with_picture(prediction.source, small, draft=2 * _SIDE)
    except ImageError:
        return None


def _seen(values: NDArray[np.generic] | None) -> Image | None:
    """What the network got, if that is a picture."""
    from PIL import Image

    if values is None or values.dtype.kind not in "uf":
        return None
    pixels = values.reshape(values.shape[:2]) if values.ndim == 3 and values.shape[2] == 1 else values
    side = round(pixels.size**0.5)
    if pixels.ndim == 1 or pixels.shape[0] == 1:
        if side * side != pixels.size:
            return None
        pixels = pixels.reshape(side, side)
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] == 3):
        return None
    levels = pixels if pixels.dtype == np.uint8 else np.clip(pixels.astype(np.float64) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(levels)


def _bars(prediction: Prediction) -> str:
    order = range(len(prediction.scores))
    if len(prediction.scores) > _MOST_BARS:
        order = (-prediction.scores).argsort(kind="stable")[:_MOST_BARS]  # type: ignore[assignment]
    rows = []
    for index in order:
        label, score = prediction.labels[index], float(prediction.scores[index])
        bar = f'<div style="background: steelblue; height: 0.8em; width: {100 * score:.1f}%"></div>'
        rows.append(
            f'<tr><td style="text-align: right">{html_text(label)}</td>'
            f'<td style="width: 10em">{bar}</td><td style="text-align: right">{score:.1%}</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"
