"""Pictures of the first layer's weights: what they contain, and that looking changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from numbre_train import plots
from numbre_train.cli import main
from numbre_train.data import Mnist, Rows
from numbre_train.fit import fit
from numbre_train.networks import DenseNetwork
from numbre_train.recipes import MODELS
from numbre_train.watch import WeightWatch


def test_a_picture_shows_the_strongest_units_numbered_on_a_symmetric_scale() -> None:
    weights = np.random.default_rng(0).normal(size=(784, 37)).astype(np.float32)
    weights[:, [3, 9, 10, 20, 36, 0, 7, 8, 30, 31, 32, 33]] /= 10
    strong = [unit for unit in range(37) if np.abs(weights[:, unit]).max() > 1]
    axes = plots.weight_images(weights, scale=7.5).axes[0]
    assert [text.get_text() for text in axes.texts] == [f"unit {unit + 1}" for unit in strong]
    assert axes.images[0].get_clim() == (-7.5, 7.5)
    canvas: NDArray[Any] = np.ma.filled(np.ma.asarray(axes.images[0].get_array()), np.nan)
    shown = canvas[~np.isnan(canvas)]
    assert np.array_equal(np.sort(shown), np.sort(weights[:, strong].ravel()))
    # The last unit's tile is right below its own number.
    x, y = axes.texts[24].get_position()
    left, top = round(x) - 14, round(y) + 2
    assert np.array_equal(canvas[top : top + 28, left : left + 28].ravel(), weights[:, strong[24]])
    assert plots.weight_images(weights[:, :2], names=("cat", "dog")).axes[0].texts[1].get_text() == "dog"


def test_moments_share_one_scale() -> None:
    moments = {10: np.full((784, 2), 0.5, np.float32), 1: np.full((784, 2), -2.0, np.float32)}
    frames = plots.weight_frames(moments)
    assert list(frames) == [1, 10]
    assert {figure.axes[0].images[0].get_clim() for figure in frames.values()} == {(-2.0, 2.0)}
    assert "step 1 of 10" in frames[1].get_suptitle()


def test_an_animation_of_a_large_layer_stays_below_a_megabyte() -> None:
    generator = np.random.default_rng(0)
    # Noise is the worst case for GIF's compression, and a training of a thousand steps has this many frames.
    moments = {step: generator.normal(size=(784, 512)).astype(np.float32) for step in range(1, 13)}
    assert len(plots.animation(plots.weight_frames(moments))) < 1_000_000


def test_watching_changes_nothing_and_sees_the_weights_of_its_moments(mnist: Mnist) -> None:
    rows = Rows(mnist.train_images[:600], mnist.train_labels[:600])
    network = DenseNetwork("dnn", hidden=(12,), dropout=0.3, input_dropout=0.1, l2=1e-4)
    recipe = replace(MODELS["dnn"], epochs=2, batch=64, network=network)
    watch = WeightWatch((3, 7, 10, 99), 20)
    assert watch.chosen == [3, 7, 10, 20]
    watched, _ = fit(recipe, rows, None, 0, 10, moments=watch.moments)
    plain, _ = fit(recipe, rows, None, 0, 10)
    for one, other in zip(watched.get_weights(), plain.get_weights(), strict=True):
        assert np.array_equal(one, other)
    seen = watch._weights
    assert sorted(seen) == [1, 2, 3, 5, 7, 10, 20]
    assert np.array_equal(seen[20], watched.layers[1].get_weights()[0])
    assert all(not np.array_equal(seen[step], seen[20]) for step in (1, 10))


def test_command_writes_a_picture_a_moment_and_an_animation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = str(tmp_path / "digits.csv"), tmp_path / "out"
    assert main(["sample", "--rows", "500", "-o", data]) == 0
    options = ["--model", "dnn", "--hidden", "6", "--epochs", "3", "--data", data, "--out", str(out)]
    assert main([*options, "--watch-weights", "2,4"]) == 0
    folder = out / "weights"
    assert {path.name for path in folder.iterdir()} == {"step-2.png", "step-4.png", "step-12.png", "animation.gif"}
    with Image.open(folder / "animation.gif") as animation, Image.open(folder / "step-2.png") as picture:
        assert getattr(animation, "n_frames", 1) == 6  # 1, 2, 4, 5, 10 and 12
        assert animation.size[0] / animation.size[1] == pytest.approx(picture.size[0] / picture.size[1], rel=0.01)
    assert main([*options, "--watch-weights", "0"]) == 2
    assert main([*options, "--watch-weights", "--resume"]) == 2
    assert "leave --resume out" in capsys.readouterr().err
