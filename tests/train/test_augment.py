"""Distorted digits: an independent sampler, amounts, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from numbre_train.augment import Augmentation, _sample
from numbre_train.data import Mnist
from numbre_train.recipes import RECIPES, Recipe

NOTHING = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0)


def _distort(augmentation: Augmentation, images: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    result: NDArray[np.float32] = augmentation.distort(images, np.array([seed, 0], np.int32)).numpy()
    return result


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> NDArray[np.float32]:
    return (mnist.train_images[:64] / 255).astype(np.float32)


def test_no_distortion_changes_nothing(digits: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(_distort(NOTHING, digits, 1), digits, atol=1e-6)


def test_samples_are_bilinear_and_zero_outside() -> None:
    """Against a plain loop over pixels, of pictures with ink up to their borders."""
    generator = np.random.default_rng(0)
    pictures = generator.random((2, 28, 28), np.float32)
    row, column = generator.uniform(-3, 31, (2, 2, 28, 28)).astype(np.float32)
    sampled = _sample(pictures, row, column).numpy()
    padded = np.pad(pictures, ((0, 0), (5, 5), (5, 5)))
    for index in np.ndindex(2, 28, 28):
        y, x = row[index] + 5, column[index] + 5
        top, left = int(np.floor(y)), int(np.floor(x))
        corner = padded[index[0], top : top + 2, left : left + 2]
        weights = np.outer([top + 1 - y, y - top], [left + 1 - x, x - left])
        assert sampled[index] == pytest.approx((corner * weights).sum(), abs=1e-5)


def test_an_affine_map_alone_gives_what_sampling_at_its_places_gives(digits: NDArray[np.float32]) -> None:
    """TensorFlow's projective transform against `_sample`, which the loop above vouches for."""
    augmentation = Augmentation(rotation=20, scale=0.2, shear=0.2, shift=3, elastic=0)
    seed = np.array([3, 0], np.int32)
    sampled = _sample(digits, *augmentation._affine(len(digits), seed).sources()).numpy()
    np.testing.assert_allclose(augmentation.distort(digits, seed).numpy(), sampled, atol=2e-5)


def test_a_shift_moves_the_digit(digits: NDArray[np.float32]) -> None:
    moved = _distort(Augmentation(rotation=0, scale=0, shear=0, shift=3, elastic=0), digits, 5)
    centres = [(images.sum(axis=1) * np.arange(28)).sum(axis=1) / images.sum(axis=(1, 2)) for images in (digits, moved)]
    distance = np.abs(centres[1] - centres[0])
    assert distance.max() <= 3.01
    assert distance.mean() == pytest.approx(1.5, abs=0.4)


@pytest.mark.parametrize("name", ["quick", "best"])
def test_the_same_seed_gives_the_same_digits(name: str, digits: NDArray[np.float32]) -> None:
    augmentation = RECIPES[name].augmentation
    assert augmentation is not None
    first = _distort(augmentation, digits, 7)
    np.testing.assert_array_equal(first, _distort(augmentation, digits, 7))
    other = _distort(augmentation, digits, 8)
    assert np.abs(first - other).mean() > 0.01
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-6
    # A distorted digit keeps its ink, by and large.
    assert first.sum() == pytest.approx(digits.sum(), rel=0.1)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_the_rate_rises_and_falls_as_told(recipe: Recipe) -> None:
    rates = np.array([recipe.rate_at(step, 1000) for step in range(1000)])
    if recipe.constant_rate:
        assert set(rates) == {recipe.rate}
        return
    assert rates[0] == pytest.approx(0.05 * recipe.rate)
    assert rates.argmax() == 150
    assert rates.max() == pytest.approx(recipe.rate)
    assert (np.diff(rates[150:]) < 0).all()
    assert rates[-1] < 1e-5 * recipe.rate + 1e-8
