"""The offline page in a real browser: the NumPy backend's bits, and digits that are read without any network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from browser import answer, axe_violations, browser, cleared, draw, opened, until
from conftest import ROOT, Run
from numbre_export.html.offline_page import offline_page, write_offline_page
from numbre_export.html.plan import layers_of
from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.errors import BackendUnsupportedError, OutputError
from numbre_runtime.loading import load
from numbre_train.data import Mnist
from pen_paths import FORMS

BITS = """
([text, count]) => {
  const bundle = JSON.parse(document.getElementById("bundle").textContent);
  const run = compile(bundle.layers), stored = numbers(bundle.stored, Int8Array), pixels = numbers(text, Uint8Array);
  const outputs = [];
  for (let index = 0; index < count; index++) {
    const image = pixels.subarray(784 * index, 784 * (index + 1));
    outputs.push(Array.from(run(Int8Array.from(image, (level) => stored[level]))));
  }
  return outputs;
}
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.mark.parametrize(("name", "limit"), [("digits-int8", 150_000), ("numbre-int8", 300_000)])
def test_a_thousand_images_get_the_bits_of_the_numpy_backend(
    chromium: Browser, mnist: Mnist, tmp_path: Path, name: str, limit: int
) -> None:
    content = offline_page(read_bundle(MODELS / name))
    assert len(content) <= limit
    (tmp_path / "page.html").write_bytes(content)
    page = opened(chromium.new_page(), (tmp_path / "page.html").as_uri())
    images = mnist.test_images[:1000]
    outputs = page.evaluate(BITS, [base64.b64encode(images.tobytes()).decode(), len(images)])
    np.testing.assert_array_equal(np.array(outputs, np.int8), load(name, backend="numpy").predict_raw(images))
    page.close()


def test_digits_are_read_with_no_network_at_all(chromium: Browser, tmp_path: Path) -> None:
    write_offline_page(read_bundle(MODELS / "digits-int8"), tmp_path / "page.html")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, (tmp_path / "page.html").as_uri())
    for digit in FORMS:
        draw(page, digit, (0,), 0.3, 0.2, 0.4, 0.6)
        assert answer(page) == digit
        cleared(page)
    draw(page, "42", (0, 0), 0.1, 0.2, 0.3, 0.5)
    assert answer(page) == "42"
    assert axe_violations(page) == []
    assert page.locator("nav").count() == 0
    until(page, "page.models.length === 1")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()


def test_a_file_of_others_is_not_written_over(run_command: Run, tmp_path: Path) -> None:
    mine = tmp_path / "page.html"
    done = run_command("numbre-export", "--html", mine, "--model", "digits-int8")
    assert (done.returncode, done.stdout) == (0, f"{mine}: {mine.stat().st_size:,} bytes\n")
    assert run_command("numbre-export", "--html", mine, "--model", "digits-int8").returncode == 0
    mine.write_text("<!doctype html><title>a letter</title>")
    with pytest.raises(OutputError, match="move it away"):
        write_offline_page(read_bundle(MODELS / "digits-int8"), mine)
    done = run_command("numbre-export", "--html", mine, "--model", "digits-int8")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "a letter" in mine.read_text()


def test_a_float_model_has_no_plan() -> None:
    with pytest.raises(BackendUnsupportedError):
        layers_of(read_bundle(MODELS / "digits-int8").contents["model.float32.tflite"])


def test_an_export_without_int8_tflite_is_refused_before_the_work(run_command: Run, tmp_path: Path) -> None:
    model = ROOT / "tests" / "assets" / "digits.keras"
    done = run_command(
        "numbre-export", "--html", "--int8", "--format", "onnx", "--model", model, "--out", tmp_path / "bundle"
    )
    assert done.returncode == 2
    assert "int8 throughout" in done.stderr
    assert not (tmp_path / "bundle").exists()
