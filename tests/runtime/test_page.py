"""Pages of known digits are read; hostile pictures cost bounded time and memory and give no traceback."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime as numbre
from numbre_runtime.bundle import DEFAULT_BUNDLE, read_bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.page.certainty import certainty
from numbre_runtime.page.groups import Piece
from numbre_runtime.page.reading_order import Place, into_lines, into_numbers
from numbre_runtime.page.rules import ruled_pixels
from numbre_runtime.page.segments import Segment
from numbre_runtime.page.words import are_digits
from numbre_train.data import Mnist, split_rows
from pages.composer import Source, Style, compose, mnist_source
from pages.photo import Camera, TruePage, make_page, photograph
from synthetic_pages import score_page

CLASSIFIER = numbre.load("digits-int8")
SAMPLES = Path(__file__).parents[2] / "samples"
SIZE = (600, 900)
LEAST_RIGHT = {
    "plain": 0.95,
    "rotated up to 10°": 0.95,
    "slanted": 0.93,
    "broken strokes": 0.93,
    "touching digits": 0.8,
    "chalk on a board": 0.95,
    "shadow": 0.93,
    "perspective": 0.93,
    "squared": 0.9,
    "noise": 0.93,
    "small": 0.9,
}
"""Share of digits with the right label in the right place, by distortion; some points below what is measured."""


@pytest.fixture
def source(mnist: Mnist) -> Source:
    """MNIST's validation digits in a fixed order."""
    rows = split_rows().validation
    return mnist_source(mnist.train_images[rows], mnist.train_labels[rows], np.random.default_rng(5))


@pytest.fixture
def plain(source: Source) -> TruePage:
    """A page without any distortion."""
    return make_page("plain", source, np.random.default_rng(1), SIZE)


@pytest.mark.parametrize("distortion", LEAST_RIGHT)
def test_distorted_pages_are_read(distortion: str, source: Source) -> None:
    generator = np.random.default_rng(11)
    pages = [make_page(distortion, source, generator, SIZE) for _ in range(3)]
    scores = [score_page(numbre.read(page.picture, CLASSIFIER), page) for page in pages]
    digits, right = sum(score.digits for score in scores), sum(score.right for score in scores)
    assert digits >= 60
    assert right >= LEAST_RIGHT[distortion] * digits


def test_boxes_are_in_the_pictures_own_pixels(plain: TruePage) -> None:
    """The same page enlarged and as a file: the boxes grow with it."""
    page = numbre.read(plain.picture, CLASSIFIER)
    large = numbre.read(Image.fromarray(plain.picture).resize((2700, 1800)), CLASSIFIER)
    assert (page.width, page.height, large.width, large.height) == (900, 600, 2700, 1800)
    assert page.dark_ink
    boxes = np.array([digit.box for digit in large.digits])
    near = [np.abs(boxes - 3 * np.array(digit.box)).max(axis=1).min() < 9 for digit in page.digits]
    assert np.mean(near) > 0.95


def test_a_reduced_jpeg_and_a_turned_one_keep_their_own_pixels(plain: TruePage, tmp_path: Path) -> None:
    large = Image.fromarray(plain.picture).resize((3600, 2400))
    large.save(tmp_path / "page.jpg", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    large.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.jpg", quality=90, exif=exif)
    upright, lying = (numbre.read(tmp_path / name, CLASSIFIER) for name in ("page.jpg", "lying.jpg"))
    assert (upright.width, upright.height) == (lying.width, lying.height) == (3600, 2400)
    assert score_page(upright, _enlarged(plain, 4)).right >= 0.93 * len(plain.digits)
    assert score_page(lying, _enlarged(plain, 4)).right >= 0.93 * len(plain.digits)


def _enlarged(truth: TruePage, factor: int) -> TruePage:
    digits = tuple(type(d)(d.label, d.points * factor + (factor - 1) / 2, d.line, d.number) for d in truth.digits)
    return TruePage(truth.picture, digits, truth.distortion)


def test_light_on_dark_is_said(plain: TruePage) -> None:
    page = numbre.read(255 - plain.picture, CLASSIFIER)
    assert not page.dark_ink
    assert score_page(page, plain).right >= 0.93 * len(plain.digits)


def test_numbers_and_lines_are_those_of_the_page(plain: TruePage) -> None:
    page = numbre.read(plain.picture, CLASSIFIER)
    assert len(page.lines) == plain.digits[-1].line + 1
    assert len(page.numbers) == pytest.approx(plain.digits[-1].number + 1, abs=2)
    for number in page.numbers:
        assert number.text == "".join(digit.label for digit in number.digits)
        assert number.confidence == pytest.approx(np.prod([digit.confidence for digit in number.digits]))
        assert number.box[0] == min(digit.box[0] for digit in number.digits)
        assert all(
            before.box[0] < after.box[0] for before, after in zip(number.digits, number.digits[1:], strict=False)
        )


def test_a_surer_score_makes_a_surer_digit_and_a_cut_one_less_sure() -> None:
    scores = (0.0, 0.3, 0.9, 0.999, 1.0)
    whole, cut = ([certainty(score, cut) for score in scores] for cut in (False, True))
    assert whole == sorted(whole)
    assert all(0 < less < more < 1 for less, more in zip(cut, whole, strict=True))
    # The published fit: a constant of 1.36, 0.69 for each logarithm of the odds.
    assert whole[1] == pytest.approx(1 / (1 + np.exp(-(1.36 + 0.69 * np.log(0.3 / 0.7)))))


def test_signs_are_classified_in_four_batches(plain: TruePage, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = Classifier.predict_batch

    def counted(self: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        calls.append(len(images))
        return original(self, images)

    monkeypatch.setattr(Classifier, "predict_batch", counted)
    numbre.read(plain.picture, CLASSIFIER)
    assert len(calls) == 4
    # A sample that tells which way up the page is, all signs, those to be cut, those in doubt.
    assert calls[0] <= 16
    assert calls[1] == pytest.approx(len(plain.digits), abs=4)


def test_digits_are_straightened_before_they_are_read(source: Source) -> None:
    """At 10° the lines of a page fall further from its left to its right side than they are apart."""
    truth = make_page("plain", source, np.random.default_rng(3), SIZE)
    for angle in (-10, 10):
        turned = Image.fromarray(truth.picture).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=225)
        page = numbre.read(turned, CLASSIFIER)
        straight = numbre.read(truth.picture, CLASSIFIER)
        assert len(page.lines) == len(straight.lines)
        # A number more or less must not move all after it.
        matches = SequenceMatcher(None, page.text.split(), straight.text.split(), autojunk=False).get_matching_blocks()
        assert sum(block.size for block in matches) >= 0.8 * len(straight.numbers)


def test_ruled_lines_are_taken_out_and_strokes_stay() -> None:
    mask = np.zeros((300, 600), np.uint8)
    mask[50::40] = mask[51::40] = 1
    mask[100:180, 200:212] = 1
    mask[120:132, 300:340] = 1
    rules = ruled_pixels(mask, 80)
    left = mask & ~rules.astype(bool)
    assert left[100:180, 200:212].all()
    assert left[120:132, 300:340].all()
    assert left[:, :190].sum() == 0
    assert left[:, 350:].sum() == 0


def test_a_dash_and_a_digits_bar_are_no_ruled_lines() -> None:
    mask = np.zeros((300, 600), np.uint8)
    mask[100:103, 100:200] = 1
    assert not ruled_pixels(mask, 80).any()


@pytest.mark.parametrize(("end", "ruled"), [(300, False), (400, True), (600, True)])
def test_a_line_through_three_of_six_strips_is_the_papers(end: int, ruled: bool) -> None:
    mask = np.zeros((300, 600), np.uint8)
    mask[100:102, 100:end] = 1
    assert ruled_pixels(mask, 80).any() == ruled


@pytest.mark.parametrize("text", ["3,5", "1.250,00", "12:30", "01/02", "26-5", "4+2"])
def test_separators_are_kept_and_other_signs_are_said(text: str, mnist: Mnist) -> None:
    page = numbre.read(_written(text, mnist))
    assert page.text == text.replace("+", " ")
    assert len(page.left_out) == text.count("+")
    assert "".join(digit.label for digit in page.digits) == "".join(sign for sign in text if sign.isdigit())


def _written(text: str, mnist: Mnist, height: int = 60) -> NDArray[np.uint8]:
    """A line of MNIST's most typical digits and drawn separators, dark on light."""
    ink = np.zeros((3 * height, (len(text) + 3) * height), np.uint8)
    left, foot = height, 2 * height
    for sign in text:
        if sign.isdigit():
            alike = mnist.test_images[mnist.test_labels == int(sign)]
            image = alike[np.abs(alike - alike.mean(axis=0)).sum(axis=(1, 2)).argmin()]
            rows, columns = np.nonzero(image > 40)
            glyph = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            glyph = cv2.resize(glyph, (round(glyph.shape[1] * height / len(glyph)), height))
            ink[height:foot, left : left + glyph.shape[1]] = glyph
            left += glyph.shape[1] + 12
            continue
        strokes = {
            ".": [((3, -3), (3, -3))],
            ",": [((6, -6), (0, 12))],
            ":": [((3, -3), (3, -3)), ((3, -36), (3, -36))],
            "/": [((0, 9), (36, -69))],
            "-": [((0, -30), (24, -30))],
            "+": [((0, -30), (36, -30)), ((18, -48), (18, -12))],
        }[sign]
        for start, end in strokes:
            cv2.line(ink, (left + start[0], foot + start[1]), (left + end[0], foot + end[1]), 255, 7)
        left += max(max(start[0], end[0]) for start, end in strokes) + 14
    return np.asarray(225 - cv2.GaussianBlur(ink, (0, 0), 0.7) * 0.65, np.uint8)


@pytest.mark.parametrize("margin", [2, 5, 8, 40])
@pytest.mark.parametrize("height", [30, 60, 240])
def test_a_number_that_fills_its_picture_is_read_whole(height: int, margin: int, mnist: Mnist) -> None:
    picture = _written("735426", mnist, height)
    rows, columns = np.nonzero(picture < 150)
    framed = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    around = max(1, round(margin / 100 * height))
    assert numbre.read(np.pad(framed, around, constant_values=225)).text.replace(" ", "") == "735426"


def test_a_box_around_a_number_is_no_digit(mnist: Mnist) -> None:
    picture = _written("735", mnist)
    cv2.rectangle(picture, (10, 30), (picture.shape[1] - 10, picture.shape[0] - 30), 60, 4)
    assert numbre.read(picture).text == "735"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.png")), ids=lambda path: path.stem)
def test_every_sample_is_read_as_a_page(sample: Path) -> None:
    assert numbre.read(sample).text == sample.stem[-1]


def test_lines_and_numbers_of_given_boxes() -> None:
    def row(top: float, lefts: list[float], fall: float = 0.0) -> list[Place]:
        return [Place(x, top + fall * x, x + 20, top + fall * x + 40, 40) for x in lefts]

    places = row(200, [0, 30, 60, 200, 230], fall=0.03) + row(100, [0, 30, 150, 180, 210], fall=0.03)
    lines = into_lines(places)
    assert lines == [[5, 6, 7, 8, 9], [0, 1, 2, 3, 4]]
    assert into_numbers(lines, places) == [[[5, 6], [7, 8, 9]], [[0, 1, 2], [3, 4]]]


def _sign(group: int, digit: float, none: float, rows: int = 40) -> Segment:
    return Segment(Piece(0, 0, np.ones((rows, 20), np.bool_)), np.array([digit, none], np.float32), 40, group)


def test_signs_vouch_for_each_other() -> None:
    """A sure sign among letters is none, a doubtful one in a number is a digit."""
    places = [Place(x, 0, x + 20, 40, 40) for x in (0, 25, 50, 75, 200, 225, 250)]
    scores = [(0, 1), (0.8, 0.2), (0, 1), (0.1, 0.9), (1, 0), (0.4, 0.6), (0.9, 0.1)]
    signs = [_sign(number, *score) for number, score in enumerate(scores)]
    assert are_digits(signs, places, np.array([0]), 1000).tolist() == [False, False, False, False, True, True, True]


@pytest.mark.parametrize(("score", "rows", "digits"), [(0.99, 40, True), (0.99, 24, False), (0.9, 40, False)])
def test_what_falls_into_low_or_doubtful_signs_is_a_scribble(score: float, rows: int, digits: bool) -> None:
    places = [Place(x, 0, x + 20, 40, 40) for x in (0, 20, 40)]
    signs = [_sign(0, score, 1 - score, rows) for _ in places]
    assert are_digits(signs, places, np.array([0]), 1000).tolist() == [digits] * 3


def test_without_a_class_for_none_a_sign_vouches_by_its_own_score() -> None:
    places = [Place(0, 0, 20, 40, 40), Place(100, 0, 120, 40, 40)]
    signs = [_sign(0, 0.9, 0.1), _sign(1, 0.5, 0.5)]
    assert are_digits(signs, places, np.array([0, 1]), 1000).tolist() == [True, False]


def test_evenly_spaced_digits_are_one_number() -> None:
    places = [Place(x, 0, x + 20, 40, 40) for x in (0, 50, 95, 150, 198)]
    assert into_numbers([[0, 1, 2, 3, 4]], places) == [[[0, 1, 2, 3, 4]]]


BLANK: dict[str, Callable[[], Image.Image]] = {
    "white": lambda: Image.new("L", (800, 600), 255),
    "black": lambda: Image.new("RGB", (800, 600)),
    "one pixel": lambda: Image.new("L", (1, 1), 7),
    "transparent": lambda: Image.new("RGBA", (300, 300), (0, 0, 0, 0)),
    "a gradient": lambda: Image.linear_gradient("L").resize((900, 900)),
    "paper": lambda: Image.fromarray(np.random.default_rng(0).normal(200, 3, (700, 900)).astype(np.uint8)),
}


@pytest.mark.parametrize("kind", BLANK)
def test_a_blank_page_has_no_digits(kind: str) -> None:
    page = numbre.read(BLANK[kind](), CLASSIFIER)
    assert page.lines == ()
    assert (page.text, page.numbers, page.digits) == ("", (), ())


def _squares(side: int, pixels: int) -> NDArray[np.uint8]:
    return np.asarray((np.indices((side, side)) // pixels).sum(axis=0) % 2 * 255, np.uint8)


def _dots(side: int, pitch: int) -> NDArray[np.uint8]:
    return np.where((np.indices((side, side)) % pitch < pitch // 2).all(axis=0), 0, 255).astype(np.uint8)


HOSTILE: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "a million squares": lambda: _squares(4000, 4),
    "large squares": lambda: _squares(2000, 24),
    "dots": lambda: _dots(2000, 20),
    "tiny dots": lambda: _dots(2000, 12),
    "noise": lambda: np.random.default_rng(0).integers(0, 256, (3000, 3000), np.uint8),
    "coarse noise": lambda: np.kron(
        np.random.default_rng(0).integers(0, 2, (200, 200), np.uint8) * 255, np.ones((10, 10), np.uint8)
    ),
    "lines": lambda: np.tile(np.array([[0], [0], [255], [255], [255], [255]], np.uint8), (300, 1800)),
    "a strip": lambda: np.random.default_rng(0).integers(0, 256, (10, 500_000), np.uint8),
}
_SECONDS = 10
"""Of computing; five are promised, and this machine may be slower."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pictures_end_soon(kind: str) -> None:
    start = time.process_time()
    page = numbre.read(HOSTILE[kind](), CLASSIFIER)
    assert time.process_time() - start < _SECONDS
    assert len(page.digits) < 5000


def _peak(picture: Path) -> float:
    """The most memory, in millions of bytes, that a process of its own has while it reads a page."""
    code = (
        "import sys, numbre_runtime\n"
        "numbre_runtime.read(sys.argv[1], numbre_runtime.load('digits-int8'))\n"
        "print(open('/proc/self/status').read())"
    )
    command = [sys.executable, "-c", code, str(picture)]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Not getrusage's peak, for that begins with what the process had that started this one.
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) * 1024 / 1e6


def test_a_12_megapixel_page_costs_less_than_300_mb(plain: TruePage, tmp_path: Path) -> None:
    Image.fromarray(plain.picture).resize((4000, 3000)).convert("RGB").save(tmp_path / "page.png", compress_level=1)
    assert _peak(tmp_path / "page.png") < 300


def test_large_noise_with_transparency_costs_little_more_than_its_pixels(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6000, 8000, 4), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png", compress_level=0)
    Image.new("L", (400, 300), 255).save(tmp_path / "blank.png")
    assert _peak(tmp_path / "noise.png") - _peak(tmp_path / "blank.png") < noise.nbytes / 1e6 + 50


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((10, 10, 5), np.uint8), "an array of uint8"),
        (np.zeros((10, 10), np.float32), "an array of float32"),
        (np.zeros(10, np.uint8), "an array of uint8"),
        (Image.new("1", (10_000, 10_000)), "at most 50,000,000 are read"),
        ("nowhere.png", "no such file"),
        (7, "a int; expected"),
    ],
)
def test_what_is_no_picture_is_refused(image: object, reason: str) -> None:
    with pytest.raises(numbre.ImageError, match=reason):
        numbre.read(image, CLASSIFIER)  # type: ignore[arg-type]


def test_a_classifier_of_other_things_is_refused(plain: TruePage) -> None:
    bundle = read_bundle(DEFAULT_BUNDLE)
    other = Classifier(CLASSIFIER.artifact, bundle.manifest, CLASSIFIER._session)
    other.labels = ("shirt", "coat", *other.labels[2:])
    with pytest.raises(numbre.BundleError, match="shirt, coat"):
        numbre.read(plain.picture, other)


def test_without_opencv_the_pip_line_is_said(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('no cv2 here')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport numbre_runtime; numbre_runtime.read('x.png')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("run: pip install 'numbre-runtime[photo]'")


def test_the_generators_truth_is_where_its_ink_is(source: Source) -> None:
    """The truth itself: within each box of a clean page there is ink, outside all boxes there is none."""
    style = Style(height=50, weight=0.5)
    generator = np.random.default_rng(9)
    sheet = compose(SIZE, style, source, generator)
    camera = Camera(grain=0, texture=0, blur=0.3, perspective=0.05, rotation=8)
    picture, digits = photograph(sheet, style, camera, generator)
    outside = picture < 150
    for digit in digits:
        left, top, right, bottom = digit.box
        rows, columns = slice(int(top) - 1, int(bottom) + 3), slice(int(left) - 1, int(right) + 3)
        assert outside[rows, columns].any()
        outside[rows, columns] = False
    assert not outside.any()
