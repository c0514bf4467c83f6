"""Pictures of every kind are brought to MNIST's form; what is no picture is refused with the reason."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

import numbre_runtime as numbre
from conftest import ROOT
from numbre_runtime.pictures.digit import to_mnist
from numbre_runtime.pictures.picture import MAX_PIXELS, orientation, upright, upright_size
from numbre_train.data import Mnist

CLASSIFIER = numbre.load()


@pytest.fixture(scope="module")
def seven(mnist: Mnist) -> Image.Image:
    """MNIST's first test digit, dark on white, 200×200."""
    return Image.fromarray(255 - mnist.test_images[0]).resize((200, 200), Image.Resampling.BICUBIC)


def _on_transparent(picture: Image.Image, colour: int) -> Image.Image:
    ink = Image.fromarray(255 - np.asarray(picture))
    plain = Image.new("L", picture.size, colour)
    return Image.merge("LA", (plain, ink)).convert("RGBA")


FORMS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dark on light": lambda picture: picture,
    "light on dark": lambda picture: Image.eval(picture, lambda level: 255 - level),
    "tiny": lambda picture: picture.resize((16, 16), Image.Resampling.BOX),
    "large": lambda picture: picture.resize((3000, 3000)),
    "wide": lambda picture: Image.fromarray(np.pad(np.asarray(picture), ((0, 0), (300, 900)), constant_values=255)),
    "in a corner": lambda picture: Image.fromarray(
        np.pad(np.asarray(picture), ((600, 0), (700, 0)), constant_values=255)
    ),
    "pale": lambda picture: Image.eval(picture, lambda level: 190 + level // 8),
    "colour": lambda picture: Image.merge("RGB", (picture, picture, Image.new("L", picture.size, 255))),
    "palette": lambda picture: picture.convert("P"),
    "one bit": lambda picture: picture.convert("1"),
    "cmyk": lambda picture: picture.convert("RGB").convert("CMYK"),
    "sixteen bits": lambda picture: Image.fromarray(np.asarray(picture).astype(np.uint16) * 257),
    "floating point": lambda picture: picture.convert("F"),
    "black on transparent": lambda picture: _on_transparent(picture, 0),
    "white on transparent": lambda picture: _on_transparent(picture, 255),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_picture_is_read(form: str, seven: Image.Image) -> None:
    picture = FORMS[form](seven)
    before = picture.tobytes()
    prepared = to_mnist(picture)
    assert prepared.shape == (28, 28)
    assert prepared.dtype == np.uint8
    assert CLASSIFIER.predict(picture).label == "7"
    assert picture.tobytes() == before


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tiff", "webp", "ppm"])
def test_every_format_is_read(suffix: str, seven: Image.Image, tmp_path: Path) -> None:
    seven.convert("RGB").save(tmp_path / f"digit.{suffix}")
    assert CLASSIFIER.predict(tmp_path / f"digit.{suffix}").label == "7"


def test_exif_orientation_is_heeded() -> None:
    assert CLASSIFIER.predict(ROOT / "tests" / "assets" / "rotated.jpg").label == "7"


@pytest.mark.parametrize("stored", range(10))
def test_every_exif_orientation_turns_as_pillow_does(stored: int) -> None:
    picture = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    picture.getexif()[0x0112] = stored
    expected = ImageOps.exif_transpose(picture)
    assert upright(picture, orientation(picture)).tobytes() == expected.tobytes()
    assert upright_size(picture, picture.size) == expected.size


def test_the_form_is_that_of_mnist(seven: Image.Image) -> None:
    prepared = to_mnist(seven).astype(float)
    rows, columns = np.flatnonzero(prepared.any(axis=1)), np.flatnonzero(prepared.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    grid = np.arange(28)
    assert abs((prepared.sum(axis=1) * grid).sum() / prepared.sum() - 14) <= 0.51
    assert abs((prepared.sum(axis=0) * grid).sum() / prepared.sum() - 14) <= 0.51


def test_pictures_cost_little_accuracy(mnist: Mnist) -> None:
    """MNIST digits as photos: enlarged, inverted, pale, with grain, under a slanting shadow."""
    generator = np.random.default_rng(0)
    light = np.linspace(0.5, 1, 160)[None, :]
    right = 0
    for image, label in zip(mnist.test_images[:500], mnist.test_labels[:500], strict=True):
        ink = np.pad(np.asarray(Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)), 24) / 255
        photo = light * (230 - 150 * ink) + generator.normal(0, 3, ink.shape)
        prediction = CLASSIFIER.predict(Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)))
        right += prediction.label == str(label)
    assert right >= 0.97 * 500


def test_mnist_own_files_keep_their_answers(mnist: Mnist, tmp_path: Path) -> None:
    """As many right as when they are handed in as arrays, but for one in a hundred."""
    images, labels = mnist.test_images[:200], mnist.test_labels[:200]
    right = 0
    for image, label in zip(images, labels, strict=True):
        Image.fromarray(image).save(tmp_path / "digit.png")
        right += CLASSIFIER.predict(tmp_path / "digit.png").label == str(label)
    assert right >= (CLASSIFIER.predict_batch(images).argmax(axis=1) == labels).sum() - 2


def _png_header(width: int, height: int) -> bytes:
    """A PNG file that promises a size and holds no pixel."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no picture at all", "no picture in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "a PostScript document, not a picture"),
        (_png_header(10_000, 10_000), "10000×10000 pixels; at most 50,000,000 are read"),
        (_png_header(1_000_000, 1_000_000), "too large; at most 50,000,000 pixels are read"),
        (_png_header(28, 28), "damaged or cut short"),
    ],
)
def test_bad_files_are_refused_with_the_reason(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(numbre.ImageError, match=reason) as caught:
        CLASSIFIER.predict(path)
    assert str(path) in str(caught.value)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    whole = (ROOT / "samples" / "paper_3.png").read_bytes()
    for length in (20, 60, len(whole) // 2, len(whole) - 2000):
        (tmp_path / "cut.png").write_bytes(whole[:length])
        with pytest.raises(numbre.ImageError, match=r"cut\.png: "):
            CLASSIFIER.predict(tmp_path / "cut.png")


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(numbre.ImageError, match="no such file"):
        CLASSIFIER.predict(tmp_path / "none.png")
    with pytest.raises(numbre.ImageError, match="is a directory"):
        CLASSIFIER.predict(tmp_path)


def test_a_blank_picture_is_an_answer_and_no_training_image() -> None:
    for level in (0, 128, 255):
        blank = Image.new("L", (100, 100), level)
        prediction = CLASSIFIER.predict(blank)
        assert (prediction.label, prediction.confidence, prediction.recognized) == ("", 0.0, False)
        assert prediction.found is None
        assert not prediction.scores.any()
        with pytest.raises(numbre.ImageError, match="no digit found, the picture is blank"):
            to_mnist(blank)


@pytest.mark.parametrize("dark_ink", [True, False])
def test_where_the_digit_is(dark_ink: bool, seven: Image.Image) -> None:
    """The ink's own box, from the pixels that were pasted, in a picture that is examined at a quarter of its size."""
    levels = np.asarray(seven)
    page = np.full((900, 1000), 255, np.uint8)
    page[300:500, 600:800] = levels
    rows, columns = np.nonzero(page < 128)
    expected = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    found = CLASSIFIER.predict(Image.fromarray(page if dark_ink else 255 - page)).found
    assert found is not None
    assert found.dark_ink is dark_ink
    assert np.abs(np.array(found.box) - expected).max() <= 12


def test_the_box_of_a_picture_that_lies_on_its_side() -> None:
    found = CLASSIFIER.predict(ROOT / "tests" / "assets" / "rotated.jpg").found
    with Image.open(ROOT / "tests" / "assets" / "rotated.jpg") as picture:
        upright = ImageOps.exif_transpose(picture).convert("L")
    assert found is not None
    dark = np.asarray(upright) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    expected = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    assert np.abs(np.array(found.box) - expected).max() <= 4


def test_the_box_of_a_large_jpeg_is_in_its_own_pixels(tmp_path: Path) -> None:
    """Its draft has an eighth of its sides."""
    picture = Image.new("L", (4000, 3000), 240)
    ImageDraw.Draw(picture).ellipse((1500, 800, 2300, 2200), outline=20, width=150)
    picture.save(tmp_path / "large.jpg")
    found = CLASSIFIER.predict(tmp_path / "large.jpg").found
    assert found is not None
    assert np.abs(np.array(found.box) - (1500, 800, 2301, 2201)).max() <= 16


def test_a_pil_image_over_the_limit_is_refused() -> None:
    assert MAX_PIXELS < 100_000_000
    with pytest.raises(numbre.ImageError, match="at most 50,000,000 are read"):
        CLASSIFIER.predict(Image.new("1", (10_000, 10_000)))


def test_the_pixel_limit_can_be_set(seven: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBRE_MAX_PIXELS", "39999")
    with pytest.raises(numbre.ImageError, match=r"200×200 pixels; at most 39,999 are read"):
        CLASSIFIER.predict(seven)
    monkeypatch.setenv("NUMBRE_MAX_PIXELS", "40000")
    assert CLASSIFIER.predict(seven).label == "7"
    for word in ("many", "0", "-1", "1e6"):
        monkeypatch.setenv("NUMBRE_MAX_PIXELS", word)
        with pytest.raises(numbre.ImageError, match="expected a positive whole number of pixels"):
            CLASSIFIER.predict(seven)


def test_files_that_are_decoded_in_python_must_be_small(tmp_path: Path) -> None:
    """A plain PGM or one with another maximum than 255 takes Pillow minutes at 50 megapixels."""
    path = tmp_path / "slow.pgm"
    for header in (b"P2 2000 2000 255\n", b"P5 2000 2000 200\n"):
        path.write_bytes(header + b"1 " * 4_000_000)
        with pytest.raises(numbre.ImageError, match="takes long to decode; save it as PNG"):
            CLASSIFIER.predict(path)
    path.write_bytes(b"P2 10 10 255\n" + b"200 " * 100)
    assert not CLASSIFIER.predict(path).recognized


def test_a_progressive_jpeg_that_takes_much_memory_is_refused(tmp_path: Path) -> None:
    """Its decoder holds every coefficient: 4:4:4 takes twice the memory of 4:2:0."""
    picture = Image.new("RGB", (6000, 5000), (230, 230, 230))
    picture.save(tmp_path / "full.jpg", progressive=True, subsampling=0)
    with pytest.raises(numbre.ImageError, match="a progressive JPEG of 6000×5000 pixels takes too much memory"):
        CLASSIFIER.predict(tmp_path / "full.jpg")
    for subsampling, progressive in ((2, True), (0, False)):
        picture.save(tmp_path / "usual.jpg", progressive=progressive, subsampling=subsampling)
        assert not CLASSIFIER.predict(tmp_path / "usual.jpg").recognized


def test_a_large_webp_is_refused(tmp_path: Path) -> None:
    """Its decoder takes much more memory than the picture; what is read costs less than 50 MB more."""
    Image.new("RGB", (1500, 1500), (230, 230, 230)).save(tmp_path / "large.webp")
    with pytest.raises(numbre.ImageError, match=r"WebP file of 1500×1500 pixels .* save it as PNG or JPEG"):
        CLASSIFIER.predict(tmp_path / "large.webp")
    noise = np.random.default_rng(0).integers(0, 256, (1414, 1414, 4), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.webp", lossless=True, method=0)
    Image.new("L", (28, 28), 230).save(tmp_path / "small.png")
    assert _peak(tmp_path / "noise.webp") - _peak(tmp_path / "small.png") < noise.nbytes + 50e6


def _peak(picture: Path) -> int:
    """The most memory, in bytes, that a process of its own has while it looks for a digit."""
    code = (
        "import sys, numbre_runtime\n"
        "from numbre_runtime.bench.timing import peak_rss\n"
        "try: numbre_runtime.load().predict(sys.argv[1])\n"
        "except numbre_runtime.ImageError: pass\n"
        "print(peak_rss())"
    )
    command = [sys.executable, "-c", code, str(picture)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_callers_lazy_picture_is_not_changed(seven: Image.Image, tmp_path: Path) -> None:
    seven.resize((2000, 2000)).convert("RGB").save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as picture:
        assert CLASSIFIER.predict(picture).label == "7"
        assert (picture.size, picture.mode) == ((2000, 2000), "RGB")


@pytest.mark.parametrize("mode", ["LAB", "La", "YCbCr", "HSV"])
def test_rare_modes_are_read(mode: str, seven: Image.Image) -> None:
    picture = Image.merge("LAB", (seven,) * 3) if mode == "LAB" else seven.convert("LA").convert("La")
    if mode in ("YCbCr", "HSV"):
        picture = seven.convert("RGB").convert(mode)
    assert CLASSIFIER.predict(picture).label == "7"


def test_floats_up_to_1_and_nan_in_a_picture(seven: Image.Image) -> None:
    unit = np.asarray(seven, np.float32) / 255
    assert CLASSIFIER.predict(Image.fromarray(unit)).label == "7"
    unit[0, 0] = np.nan
    with pytest.raises(numbre.ImageError, match="NaN"):
        CLASSIFIER.predict(Image.fromarray(unit))


def test_a_damaged_lazy_picture_is_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes((ROOT / "samples" / "paper_3.png").read_bytes()[:20000])
    with Image.open(tmp_path / "cut.png") as picture, pytest.raises(numbre.ImageError, match="damaged or cut short"):
        CLASSIFIER.predict(picture)


def test_a_large_transparent_picture_costs_little_memory(tmp_path: Path) -> None:
    """49 megapixels of RGBA are 196 MB; whole-size floats of them would be five times that."""
    Image.new("RGBA", (7000, 7000), (0, 0, 0, 0)).save(tmp_path / "large.png")
    assert _peak(tmp_path / "large.png") < 600e6
