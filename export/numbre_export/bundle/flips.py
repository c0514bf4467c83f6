"""The test rows on which a file and Keras give different answers, as pictures in a page."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.verify.gate import Run, TestSet
from numbre_runtime.html_kit import png_uri
from numbre_runtime.manifest import InputSpec
from numbre_runtime.text import html_text

MOST = 60
"""Flips shown of one file."""
FLIPS_STYLE = """
.flips { display: flex; flex-wrap: wrap; gap: .8rem; }
.flips figure { margin: 0; width: 8rem; padding: .4rem; border: 2px solid var(--line); border-radius: .3rem; }
.flips figure.wrong { border-color: #d55e00; }
.flips img { width: 7rem; image-rendering: pixelated; display: block; margin: auto; }
.flips figcaption { font-size: .8rem; }
"""
"""CSS of these figures."""


def flips_html(run: Run, test: TestSet, spec: InputSpec, labels: tuple[str, ...]) -> str:
    """A figure a flip, with both answers and the truth; those that became wrong come first.

    Args:
        run: What the file gave.
        test: What Keras gave.
        spec: The input; rows that are no pictures are written as numbers.
        labels: The classes.
    """
    rows = np.flatnonzero(run.answers != test.answers)
    if not len(rows):
        return "<p>None: every answer is Keras's.</p>"
    order = np.argsort(run.answers[rows] == test.labels[rows], kind="stable")
    figures = [
        _figure(test.images[row], spec, labels[test.answers[row]], labels[run.answers[row]], labels[test.labels[row]])
        for row in rows[order][:MOST]
    ]
    note = f"<p>The first {MOST} of {len(rows)}.</p>" if len(rows) > MOST else ""
    return f'{note}<div class="flips">{"".join(figures)}</div>'


def _figure(values: NDArray[Any], spec: InputSpec, keras: str, answer: str, truth: str) -> str:
    verdict = "wrong" if answer != truth else "better"
    caption = (
        f"Keras {html_text(keras)}, file <b>{html_text(answer)}</b><br>"
        f"{'truly ' + html_text(truth) if truth != keras else 'Keras is right'}"
    )
    return f'<figure class="{verdict}">{_picture(values, spec)}<figcaption>{caption}</figcaption></figure>'


def _picture(values: NDArray[Any], spec: InputSpec) -> str:
    if spec.picture == "none" or values.dtype != np.uint8:
        return f"<code>{html_text(', '.join(f'{value:g}' for value in values.reshape(-1)[:16]))}</code>"
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return f'<img alt="" src="{png_uri(stream.getvalue())}">'
