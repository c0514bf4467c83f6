"""The end of a run for a person: counts, confidences against the model's own, and the most doubtful pictures."""

from __future__ import annotations

import io
import math

import numpy as np

from numbre_runtime import html_kit
from numbre_runtime.manifest import CONFIDENCE_BINS
from numbre_runtime.scoring.tally import Tally

_ACROSS, _ENLARGED = 10, 3


def text(tally: Tally) -> str:
    """The counts in a few lines."""
    pictures = "1 picture" if tally.pictures == 1 else f"{tally.pictures:,} pictures"
    rows = "1 row" if tally.rows == 1 else f"{tally.rows:,} rows"
    lines = [f"{rows} of {pictures}, {tally.rate:,.0f} a second"]
    if tally.errors:
        lines.append(f"{tally.errors:,} could not be read; the column error says why")
    if tally.classes or tally.rejected:
        lines.append(f"{tally.rejected:,} rejected: below the confidence of {tally.manifest.threshold:.0%}")
        lines += [f"  {label:>12} {count:>12,}" for label, count in sorted(tally.classes.items())]
    if tally.drift is not None:
        lines.append(
            f"confidences are {tally.drift:.1%} away from those of the bundle's test rows (Kolmogorov-Smirnov distance)"
        )
    return "\n".join(lines)


def page(tally: Tally, out: str) -> bytes:
    """The report as an HTML page."""
    lines = [line for line in text(tally).splitlines() if not line.startswith(" ")]
    parts = [html_kit.paragraph(line) for line in lines]
    if tally.classes:
        counts = sorted(tally.classes.items())
        parts += [
            html_kit.heading("Answers"),
            html_kit.bars([(k, v, f"{v:,}") for k, v in counts], "rows of each class"),
        ]
    shares = tally.histogram / max(1, tally.histogram.sum())
    rows = [
        (f"{i / CONFIDENCE_BINS:.0%}–{(i + 1) / CONFIDENCE_BINS:.0%}", float(share), f"{share:.2%}")
        for i, share in enumerate(shares)
    ]
    parts += [html_kit.heading("Confidence"), html_kit.bars(rows, "share of the rows in each range of confidence")]
    if tally.doubtful and math.prod(tally.manifest.input.shape) == len(tally.doubtful[0].seen):
        parts += [
            html_kit.heading("The most doubtful pictures"),
            html_kit.image(_sheet(tally), "what the network saw of the rows with the lowest confidence"),
            html_kit.table(
                ("key", "answer", "confidence"),
                [(item.key, item.label, f"{item.confidence:.1%}") for item in tally.doubtful],
                text=True,
            ),
        ]
    return html_kit.page(f"Scores in {out}", parts)


def _sheet(tally: Tally) -> bytes:
    """The doubtful pictures in rows, from the least sure on, as PNG."""
    from PIL import Image

    shape = tally.manifest.input.shape
    side_y, side_x = shape[0], shape[1]
    down = math.ceil(len(tally.doubtful) / _ACROSS)
    sheet = np.full((down * (side_y + 2), _ACROSS * (side_x + 2), *shape[2:]), 90, np.uint8)
    for index, item in enumerate(tally.doubtful):
        top, left = index // _ACROSS * (side_y + 2), index % _ACROSS * (side_x + 2)
        sheet[top : top + side_y, left : left + side_x] = np.frombuffer(item.seen, np.uint8).reshape(shape)
    picture = Image.fromarray(sheet[..., 0] if shape[2:] == (1,) else sheet)
    stream = io.BytesIO()
    picture.resize((picture.width * _ENLARGED, picture.height * _ENLARGED), Image.Resampling.NEAREST).save(
        stream, "PNG"
    )
    return stream.getvalue()
