"""A real browser for the tests: Debian's chromium, driven by Playwright, and a hand that draws in it."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from numbre_runtime.cache import cache_directory
from pen_paths import strokes_of

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = "axe-core@4.10.3"
CAMERA_FLAGS = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """Chromium without a window."""
    program = shutil.which("chromium")
    assert program, "needs Debian's package chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--headless", *_FLAGS, *flags])
        try:
            yield found
        finally:
            found.close()


def opened(page: Page, url: str) -> Page:
    """The page, once its model is there; anything that it complains of fails the test."""

    def complain(text: str) -> None:
        raise AssertionError(text)

    page.on("pageerror", lambda error: complain(str(error)))
    page.on("console", lambda message: complain(message.text) if message.type == "error" else None)
    page.goto(url)
    until(page, "page.model !== null")
    return page


def until(page: Page, condition: str) -> None:
    """Waits until an expression is true; Playwright's own wait needs `eval`, which the pages' policy forbids."""
    end = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"not within 30 s: {condition}"
        page.wait_for_timeout(20)


def draw(page: Page, text: str, forms: tuple[int, ...], left: float, top: float, width: float, height: float) -> None:
    """Draws digits side by side, stroke by stroke.

    Args:
        page: The page to draw on.
        text: The digits.
        forms: Which form of each.
        left: Of the first digit, as a share of the sheet's width.
        top: Of all digits, as a share of the sheet's height.
        width: Of each digit; the next one starts a third of it further on.
        height: Of each digit.
    """
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for place, (digit, form) in enumerate(zip(text, forms, strict=True)):
        for stroke in strokes_of(digit, form):
            points = [
                (
                    box["x"] + box["width"] * (left + width * (x + 1.33 * place)),
                    box["y"] + box["height"] * (top + height * y),
                )
                for x, y in stroke
            ]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point)
            page.mouse.up()


def answer(page: Page) -> str:
    """What the page answers once it has read everything that is drawn."""
    until(page, "!page.busy && !page.again")
    text = page.locator("#answer").text_content()
    assert text is not None
    return text


def cleared(page: Page) -> None:
    """Takes everything off the sheet."""
    page.locator("#clear").click()
    until(page, "!page.busy && !page.again")


def axe_violations(page: Page) -> list[dict[str, Any]]:
    """The serious and critical faults of accessibility that axe-core finds."""
    # Evaluated by the debugger, which a page's content security policy does not bind.
    page.evaluate(f"() => {{ {_axe().read_text(encoding='utf-8')} }}")
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [fault for fault in found if fault["impact"] in ("serious", "critical")]


def _axe() -> Path:
    """axe.min.js, fetched by npm once."""
    cache = cache_directory()
    assert cache is not None
    folder = cache / "axe"
    script = folder / f"{_AXE.rpartition('@')[2]}.js"
    if not script.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", _AXE], cwd=folder, check=True, capture_output=True)
        (archive,) = folder.glob("axe-core-*.tgz")
        with tarfile.open(archive) as packed:
            content = packed.extractfile("package/axe.min.js")
            assert content is not None
            script.write_bytes(content.read())
    return script
