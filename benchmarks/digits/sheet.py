"""A contact sheet of mistakes: the picture, what the network saw of it, the answer and how sure it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from digits.readers import Digit, opened
from numbre_runtime import Prediction
from numbre_runtime.pictures.digit import find_digit

_CELL, _COLUMNS, _TEXT, _MOST = 96, 6, 26, 240


@dataclass(frozen=True)
class Mistake:
    """A digit that was not read."""

    source: str
    """The set that it is from."""
    digit: Digit
    """The picture."""
    truth: str
    """What it shows."""
    prediction: Prediction | None
    """What it was read as; None for an error."""


def write_sheet(path: Path, mistakes: list[Mistake]) -> None:
    """Writes a PNG file of at most 240 mistakes."""
    shown = mistakes[:_MOST]
    rows = max(1, -(-len(shown) // _COLUMNS))
    sheet = Image.new("RGB", (_COLUMNS * (2 * _CELL + 12), rows * (_CELL + _TEXT + 6)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, mistake in enumerate(shown):
        left, top = index % _COLUMNS * (2 * _CELL + 12), index // _COLUMNS * (_CELL + _TEXT + 6)
        array = isinstance(mistake.digit, np.ndarray)
        seen = mistake.digit if isinstance(mistake.digit, np.ndarray) else find_digit(mistake.digit)[0]
        picture = Image.fromarray(seen) if array else opened(mistake.digit).convert("RGB")  # type: ignore[arg-type]
        scale = _CELL / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        sheet.paste(picture.resize(size), (left, top))
        sheet.paste(Image.fromarray(seen).resize((_CELL, _CELL), Image.Resampling.NEAREST), (left + _CELL + 2, top))
        found = mistake.prediction
        answer = "error" if found is None else f"{found.label or 'blank'} {found.confidence:.0%}"
        rejected = found is not None and not found.recognized
        draw.text((left, top + _CELL), f"{mistake.source}\n{mistake.truth}: {answer}{', rejected' * rejected}", "black")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
