"""The generators of digits in the wild: repeatable, in the form that the network takes, and showing what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from numbre_train.data import Mnist, Rows
from numbre_train.wild.camera import photographed
from numbre_train.wild.forms import other_form
from numbre_train.wild.generator import NONE, wild_rows
from numbre_train.wild.glyphs import FIT_FONTS, LETTERS, SIGNS, VALIDATION_FONTS, digit_glyph, none_glyph
from numbre_train.wild.ink import Ink
from numbre_train.wild.others import none_of_them
from numbre_train.wild.paper import Margins, laid_on, written
from numbre_train.wild.pieces import piece
from numbre_train.wild.scribbles import scribble
from numbre_train.wild.seen import is_legible, photo_of, prepared
from numbre_train.wild.shapes import shape
from numbre_train.wild.strokes import bent, blown_up, rewritten, with_width
from numbre_train.wild.textures import cloud, ramp
from numbre_train.wild.threshold import threshold_for


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Rows:
    """The first training rows."""
    return Rows(mnist.train_images[:60], mnist.train_labels[:60])


@pytest.fixture(scope="module")
def wild(digits: Rows) -> Rows:
    """Their copies, and half as many others."""
    return wild_rows(digits, 0.5, 3)


def _ink_of(digits: Rows, number: int) -> Ink:
    return blown_up(digits.images[number], 60)


def test_the_same_seed_gives_the_same_images(digits: Rows, wild: Rows) -> None:
    again, other = wild_rows(digits, 0.5, 3), wild_rows(digits, 0.5, 4)
    assert np.array_equal(wild.images, again.images)
    assert np.array_equal(wild.labels, again.labels)
    assert not np.array_equal(wild.images, other.images)


def test_processes_do_not_change_what_is_made(digits: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numbre_train.wild.generator._CHUNK", 30)
    first, second = digits.take(np.arange(30)), digits.take(np.arange(30, 60))
    whole = wild_rows(digits, 0.1, 5)
    assert len(whole) == 66
    # The first chunk is what its rows alone would give.
    alone = wild_rows(first, 0.1, 5)
    assert np.array_equal(whole.images[: len(alone)], alone.images)
    assert not np.array_equal(whole.images[len(alone) :], wild_rows(second, 0.1, 5).images)


def test_rows_are_what_the_network_takes(digits: Rows, wild: Rows) -> None:
    assert wild.images.shape == (90, 28, 28)
    assert wild.images.dtype == wild.labels.dtype == np.uint8
    assert (wild.labels[60:] == NONE).all()
    assert (wild.labels[:60] < NONE).all()
    # Most copies are of the digit itself; some are of forms that MNIST lacks.
    assert 0.7 < (wild.labels[:60] == digits.labels).mean() < 1
    copies = wild.images[:60].astype(float)
    assert (copies.max(axis=(1, 2)) > 100).all()
    assert (copies[:, :4].mean(axis=(1, 2)) < copies[:, 4:-4, 4:-4].mean(axis=(1, 2))).all()
    assert len(np.unique(wild.images, axis=0)) > 85


def test_a_copy_looks_like_its_digit(digits: Rows) -> None:
    generator = np.random.default_rng(0)
    ink = _ink_of(digits, 0)
    photos = [photo_of(ink, generator) for _ in range(40)]
    legible = [photo is not None and is_legible(photo, ink) for photo in photos]
    assert np.mean(legible) > 0.6
    taken_for_another = [photo is not None and is_legible(photo, _ink_of(digits, 3)) for photo in photos]
    # A hard shadow or a neighbour's stroke may leave a shape like another digit now and then.
    assert np.mean(taken_for_another) < 0.05


@pytest.mark.parametrize("invert", [False, True])
def test_the_preparation_is_the_runtime_s_whatever_the_polarity(digits: Rows, invert: bool) -> None:
    ink = laid_on(_ink_of(digits, 0), Margins(0.3, 0.3, 0.3, 0.3))
    levels = 255 * ink if invert else 255 - 255 * ink
    image = prepared(levels)
    assert image is not None
    # Both are centred to whole pixels, and may differ by one.
    around = [np.roll(digits.images[0], (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert max(np.corrcoef(image.ravel(), moved.ravel())[0, 1] for moved in around) > 0.9
    assert prepared(np.full((50, 50), 200, np.float32)) is None


def test_strokes_become_thicker_and_thinner(digits: Rows) -> None:
    ink = _ink_of(digits, 0)
    areas = [float(with_width(ink, radius).sum()) for radius in (-1, 0, 1, 3)]
    assert areas == sorted(areas)
    assert areas[-1] > 1.5 * areas[1]
    # However thin, something is left of it.
    assert with_width(ink, -30).sum() > 0.3 * ink.sum()


def test_bending_keeps_the_ink(digits: Rows) -> None:
    ink = _ink_of(digits, 0)
    generator = np.random.default_rng(2)
    for _ in range(10):
        assert 0.7 < bent(ink, generator).sum() / ink.sum() < 1.4
    assert np.corrcoef(_fitted(bent(ink, generator, 0.0)), _fitted(ink))[0, 1] > 0.97


def _fitted(ink: Ink) -> NDArray[np.float64]:
    image = prepared(255 * np.pad(ink, 12))
    assert image is not None
    return image.ravel().astype(float)


def test_a_place_pads_and_cuts() -> None:
    ink = np.ones((50, 30), np.float32)
    laid = laid_on(ink, Margins(0.2, 0.1, 0.4, -0.1))
    assert laid.shape == (50 + 5 - 5, 30 + 10 + 20)
    assert laid.sum() == 45 * 30


def test_paper_and_camera_stay_within_grey_levels(digits: Rows) -> None:
    generator = np.random.default_rng(0)
    polarities = set()
    for _ in range(40):
        ink = laid_on(_ink_of(digits, 0), Margins(0.3, 0.3, 0.3, 0.3))
        scene = written(ink, generator)
        assert scene.shape == ink.shape
        assert 0 <= scene.min() < scene.max() <= 255
        polarities.add(bool(scene[ink > 0.9].mean() < scene[ink < 0.1].mean()))
        photo = photographed(scene, generator)
        assert 0 <= photo.min() < photo.max() <= 255
        assert min(photo.shape) >= 6
        assert max(photo.shape) <= max(scene.shape)
    assert polarities == {False, True}


@pytest.mark.parametrize("maker", [scribble, shape, none_glyph])
def test_others_have_ink_of_their_own(maker: object) -> None:
    assert callable(maker)
    inks = [maker(np.random.default_rng(seed)) for seed in range(30)]
    for ink in inks:
        assert ink.dtype == np.float32
        assert 0 <= ink.min() <= ink.max() <= 1
        assert ink.max() > 0.2
    assert len({ink.shape for ink in inks}) > 5


def test_pieces_are_wider_than_a_digit(digits: Rows) -> None:
    generator = np.random.default_rng(1)
    wide = [piece(digits, generator) for _ in range(30)]
    single = [rewritten(digits.images[number], generator) for number in range(30)]
    assert np.median([ink.shape[1] / ink.shape[0] for ink in wide]) > 1.3 * np.median(
        [ink.shape[1] / ink.shape[0] for ink in single]
    )


def test_others_come_as_photos_and_as_arrays(digits: Rows) -> None:
    generator = np.random.default_rng(4)
    images = np.array([none_of_them(digits, generator) for _ in range(150)])
    assert images.shape == (150, 28, 28)
    assert images.dtype == np.uint8
    # What was prepared has an empty frame four pixels wide but for its centring; arrays need not.
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]].max(axis=1)
    assert 5 < (corners > 0).sum() < 75


def test_no_letter_is_one_that_looks_like_a_digit() -> None:
    assert not set("BDGIJLOQSZbgiloqsyz") & set(LETTERS + SIGNS)
    assert not any(sign.isdigit() for sign in LETTERS + SIGNS)
    assert not set(FIT_FONTS) & set(VALIDATION_FONTS)


def test_printed_and_foreign_digits_say_what_they_are() -> None:
    generator = np.random.default_rng(0)
    assert {digit_glyph(generator)[1] for _ in range(100)} == set(range(10))
    forms = [other_form(generator) for _ in range(60)]
    assert {digit for _, digit in forms} == {1, 4, 7, 9}
    assert np.mean([ink.shape[0] > ink.shape[1] for ink, _ in forms]) > 0.9


def test_textures_and_light() -> None:
    generator = np.random.default_rng(0)
    clouds = cloud((40, 60), generator)
    assert clouds.shape == (40, 60)
    assert clouds.std() == pytest.approx(1, abs=1e-3)
    # Neighbours are alike: it is no white noise.
    assert np.corrcoef(clouds[:, 1:].ravel(), clouds[:, :-1].ravel())[0, 1] > 0.8
    slope = ramp((30, 20), generator)
    assert slope.min() == 0
    assert slope.max() == pytest.approx(1)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [(1.0, 0.100), (0.91, 0.100), (0.89, 0.2), (0.75, 0.3), (0.5, 0.6), (0.05, 0.999)],
)
def test_a_threshold_keeps_its_share_and_is_rounded_down(kept: float, expected: float) -> None:
    confidences = [0.1009, 0.2009, 0.3, 0.4, 0.5, 0.6009, 0.7, 0.8, 0.9, 0.9999]
    scores = np.full((10, 11), 0.01)
    scores[np.arange(10), np.arange(10)] = confidences
    scores[:, NONE] = 1.0
    assert threshold_for(scores, kept) == expected
