"""The pages in a real browser: drawn digits and numbers, the camera, accessibility, small screens and dark mode."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from browser import CAMERA_FLAGS, answer, axe_violations, browser, cleared, draw, opened, until
from conftest import ROOT
from numbre_runtime.bundle import MODELS
from numbre_runtime.pictures.digit import find_digit
from numbre_runtime.serve.site_routes import site_files
from pen_paths import FORMS
from running import DIGITS, Running, running

NUMBERS = ("42", "137", "9076", "258", "31", "640", "7815", "93", "204", "5862")
ONE_DIGIT = (0.36, 0.2, 0.28, 0.6)
"""left, top, width, height of a digit alone, as shares of the sheet."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser(*CAMERA_FLAGS) as found:
        yield found


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def page(chromium: Browser, served: Running) -> Iterator[Page]:
    found = chromium.new_page(viewport={"width": 1280, "height": 800})
    yield opened(found, served.url)
    found.close()


def _drawn(page: Page, text: str, forms: tuple[int, ...], *where: float) -> str:
    cleared(page) if page.locator("#clear").is_enabled() else None
    draw(page, text, forms, *where)
    return answer(page)


def test_thirty_drawn_digits_are_read_from_the_pixels_that_the_runtime_prepares(page: Page) -> None:
    wrong, differences = {}, []
    for digit in FORMS:
        for form in range(3):
            found = _drawn(page, digit, (form,), *ONE_DIGIT)
            differences.append(_differences(page))
            if found != digit:
                wrong[digit, form] = found
    assert not wrong
    assert (np.concatenate(differences) <= 1).mean() >= 0.999


def test_ten_drawn_numbers_are_read_from_the_pixels_that_the_runtime_prepares(page: Page) -> None:
    differences = []
    for index, number in enumerate(NUMBERS):
        forms = tuple((index + place) % 3 for place in range(len(number)))
        assert _drawn(page, number, forms, 0.06, 0.3, 0.16, 0.3) == number
        differences.append(_differences(page))
    assert page.locator("#tiles li").count() == 4
    assert (np.concatenate(differences) <= 1).mean() >= 0.999


def _differences(page: Page) -> Any:
    """By how much each pixel of each drawn digit differs from what the runtime makes of the digit's picture."""
    pictures = page.evaluate(
        "() => digitsOf(page.pad.strokes, page.pad.pen).flat().map((digit) => {"
        " const {grey, width, height} = pictureOf(digit, page.pad.pen);"
        " return [Array.from(grey), width, height, Array.from(imageOf(digit))]; })"
    )
    found = []
    for grey, width, height, image in pictures:
        stream = io.BytesIO()
        Image.fromarray(np.array(grey, np.uint8).reshape(height, width)).save(stream, "PNG")
        stream.seek(0)
        expected, _ = find_digit(Image.open(stream))
        found.append(np.abs(np.array(image, np.int16) - expected.ravel()))
    return np.concatenate(found)


def test_two_lines_are_read_as_two(page: Page) -> None:
    _drawn(page, "17", (1, 1), 0.2, 0.08, 0.12, 0.32)
    draw(page, "42", (0, 0), 0.2, 0.55, 0.12, 0.32)
    assert answer(page) == "17\n42"


def test_the_page_shows_what_the_server_answers(page: Page, served: Running) -> None:
    _drawn(page, "3", (0,), *ONE_DIGIT)
    image = _image(page)
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, 28, 28], "data": image.tolist()}
    outputs = httpx.post(served.infer(), json={"inputs": [tensor]}).json()["outputs"]
    scores = next(output["data"] for output in outputs if output["name"] == "scores")
    shown = page.locator("#bars .share").all_text_contents()
    assert shown == [f"{100 * score:.{0 if score > 0.9995 or score < 0.0005 else 1}f}%" for score in scores]
    assert page.locator("#bars .best .label").text_content() == "3"


def _image(page: Page) -> Any:
    return np.array(page.evaluate("Array.from(page.lines[0][0].image)"), np.uint8)


def test_no_digit_is_said_where_the_runtime_says_so(page: Page) -> None:
    cleared(page) if page.locator("#clear").is_enabled() else None
    box = page.locator("#pad").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    chance = np.random.default_rng(3)
    for across, down in chance.uniform(0, 1, (40, 2)):
        page.mouse.move(box["x"] + 250 + 300 * across, box["y"] + 150 + 300 * down)
    page.mouse.up()
    assert answer(page) == "no digit"
    assert page.evaluate("page.lines[0][0].answer.recognized") is False


def test_undo_and_clear_and_the_keyboard(page: Page) -> None:
    _drawn(page, "71", (1, 0), 0.2, 0.3, 0.15, 0.4)
    assert answer(page) == "71"
    page.locator("#undo").click()
    assert answer(page) == "7"
    page.locator("#pad").focus()
    page.keyboard.press("Escape")
    assert answer(page).strip() == ""
    page.keyboard.press("Space")
    for _ in range(9):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert answer(page) == "1"
    page.keyboard.press("Backspace")
    assert answer(page).strip() == ""
    assert page.locator("#undo").is_disabled()


def test_screen_readers_are_told_the_answer(page: Page) -> None:
    _drawn(page, "5", (0,), *ONE_DIGIT)
    until(page, "document.getElementById('spoken').textContent.startsWith('5')")


def test_another_model_can_be_chosen(page: Page) -> None:
    page.select_option("#model", "numbre-int8")
    assert "numbre-int8" in (page.locator("#engine").text_content() or "")
    assert _drawn(page, "3", (0,), *ONE_DIGIT) == "3"
    assert page.locator("#bars li").count() == 10
    page.select_option("#model", DIGITS)


@pytest.mark.parametrize("path", ["", "camera"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_the_pages_fit_and_are_accessible(
    chromium: Browser, served: Running, path: str, width: int, dark: bool
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.goto(served.url + path)
    if not path:
        until(page, "page.model !== null")
        draw(page, "42", (0, 0), 0.1, 0.2, 0.3, 0.5)
        assert answer(page) == "42"
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_pages_load_nothing_from_elsewhere_and_are_small(chromium: Browser, served: Running) -> None:
    assert sum(map(len, site_files().values())) < 80_000
    page = chromium.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, served.url)
    draw(page, "2", (0,), *ONE_DIGIT)
    assert answer(page) == "2"
    page.close()
    assert len(asked) > 7
    assert all(url.startswith(served.url) for url in asked)


def test_a_chosen_photo_is_read_with_boxes(chromium: Browser, served: Running, tmp_path: Path) -> None:
    page = chromium.new_page()
    page.goto(f"{served.url}camera")
    page.set_input_files("#file", ROOT / "samples" / "paper_5.png")
    until(page, "document.getElementById('answer').textContent === '5'")
    assert "One number" in (page.locator("#note").text_content() or "")
    pixels = page.evaluate(
        "() => { const c = document.getElementById('picture'); return [c.width, c.height,"
        " Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]; }"
    )
    colours = np.array(pixels[2]).reshape(pixels[1], pixels[0], 4)
    orange = (colours[..., 0] > 220) & (colours[..., 2] < 90)
    rows, columns = np.nonzero(orange)
    # The box that /read gives is 86, 89, 177, 213.
    assert columns.min() < 90
    assert columns.max() > 170
    assert rows.max() > 205
    (tmp_path / "text.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "text.png")
    until(page, "document.getElementById('message').textContent.includes('no picture')")
    page.close()


def test_the_camera_is_read_frame_by_frame(chromium: Browser, served: Running) -> None:
    context = chromium.new_context(permissions=["camera"])
    page = context.new_page()
    page.goto(f"{served.url}camera")
    page.locator("#toggle").click()
    until(page, "/^[0-9.]+$/.test(document.getElementById('rate').textContent)")
    assert page.evaluate("document.getElementById('picture').width") > 100
    page.locator("#toggle").click()
    assert page.evaluate("state.stream") is None
    context.close()


def test_the_camera_page_says_why_there_is_no_camera(chromium: Browser, served: Running) -> None:
    page = chromium.new_page()
    page.goto(f"{served.url}camera")
    # The browser's own refusals, as it words them.
    for name, text in (("NotAllowedError", "was not allowed"), ("NotFoundError", "No camera was found")):
        page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }",
            name,
        )
        page.locator("#toggle").click()
        until(page, f"document.getElementById('message').textContent.includes('{text}')")
    page.close()
    address = _own_address()
    with running(host="0.0.0.0") as open_to_all:  # noqa: S104 - an insecure origin is needed
        page = chromium.new_page()
        page.goto(open_to_all.url.replace("0.0.0.0", address) + "camera")  # noqa: S104
        until(page, "document.getElementById('message').textContent.includes('secure pages only')")
        assert page.locator("#toggle").is_disabled()
        page.set_input_files("#file", ROOT / "samples" / "chalk_4.png")
        until(page, "document.getElementById('answer').textContent === '4'")


def _own_address() -> str:
    """An address of this machine that is not the loopback; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def test_names_of_classes_stay_text(chromium: Browser, tmp_path: Path) -> None:
    """A label of HTML is shown, not run."""
    import shutil

    bundle = Path(shutil.copytree(MODELS / DIGITS, tmp_path / "bundle"))
    manifest = bundle / "manifest.json"
    manifest.write_text(manifest.read_text().replace(' "7"', ' "<img src=x onerror=alert(1)>"', 1))
    with running({"model": bundle}) as served:
        page = opened(chromium.new_page(), served.url)
        draw(page, "7", (1,), *ONE_DIGIT)
        assert answer(page) == "<img src=x onerror=alert(1)>"
        page.close()
