"""What answers show of themselves in a notebook."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import numbre_runtime as numbre
from conftest import ROOT

SAMPLE = ROOT / "samples" / "paper_3.png"


def _images(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]


def _is_red(picture: Image.Image) -> bool:
    levels = np.asarray(picture.convert("RGB")).astype(int)
    return bool((levels[..., 0] - levels[..., 1] > 100).sum() > 50)


@pytest.mark.parametrize("kind", ["path", "pillow"])
def test_a_picture_shows_its_box_what_the_network_got_and_its_scores(kind: str) -> None:
    classifier = numbre.load()
    picture = SAMPLE if kind == "path" else Image.open(SAMPLE)
    prediction = classifier.predict(picture)
    html = prediction._repr_html_()
    photo, seen = _images(html)
    assert _is_red(photo)
    assert not _is_red(Image.open(SAMPLE))
    assert np.array_equal(np.asarray(seen), classifier.prepare(SAMPLE))
    assert "<b>3</b>" in html
    shares = [float(share) for share in re.findall(r"([\d.]+)%</td>", html)]
    assert shares == pytest.approx([100 * score for score in prediction.scores], abs=0.051)


@pytest.mark.parametrize("form", ["square", "flat", "float", "photo"])
def test_an_array_shows_what_the_network_got(form: str) -> None:
    classifier = numbre.load()
    digit = classifier.prepare(SAMPLE)
    given = {
        "square": digit,
        "flat": digit.reshape(-1),
        "float": digit.astype(np.float32) / 255,
        "photo": np.asarray(Image.open(SAMPLE).convert("RGB")),
    }[form]
    (seen,) = _images(classifier.predict(given)._repr_html_())
    assert np.abs(np.asarray(seen).astype(int) - digit).max() <= 1


def test_a_blank_picture_and_one_that_has_gone_are_shown_too(tmp_path: Path) -> None:
    Image.new("L", (100, 100), 200).save(tmp_path / "blank.png")
    prediction = numbre.load().predict(tmp_path / "blank.png")
    assert "not recognized" in prediction._repr_html_()
    (tmp_path / "blank.png").unlink()
    assert _images(prediction._repr_html_()) == []


def test_labels_are_text_in_html() -> None:
    prediction = numbre.load().predict(SAMPLE)
    prediction.labels = ("<script>", *prediction.labels[1:])
    assert "<script>" not in prediction._repr_html_()


def test_a_page_shows_its_picture_and_its_text() -> None:
    page = numbre.read(SAMPLE)
    (picture,) = _images(page._repr_html_())
    assert _is_red(picture)
    assert "<pre>3</pre>" in page._repr_html_()
    png = page._repr_png_()
    assert png is not None
    assert Image.open(io.BytesIO(png)).size == (page.width, page.height)


def test_a_page_is_a_table_of_numbers() -> None:
    page = numbre.read(SAMPLE)
    table = page.to_pandas()
    assert list(table.columns) == ["line", "number", "text", "confidence", "left", "top", "right", "bottom"]
    assert table["text"].tolist() == ["3"]
    assert tuple(table.loc[0, ["left", "top", "right", "bottom"]]) == page.numbers[0].box
    assert len(numbre.read(np.full((100, 100), 230, np.uint8)).to_pandas()) == 0
