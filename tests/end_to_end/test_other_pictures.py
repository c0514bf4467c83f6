"""Pictures that are no digits, by the same commands as MNIST: garments and patterns in IDX files, colour pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime
from conftest import Run
from numbre_export.cli import main as export
from numbre_runtime.idx import format_idx
from numbre_runtime.pictures.resize import to_shape
from numbre_train.cli import main as train
from numbre_train.data.labelled import read_labelled
from numbre_train.data.parts import read_parts

FASHION = Path("/usr/share/datasets/fashion-mnist")
GARMENTS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
PATTERNS = ["across", "upright", "both ways"]
COLOURS = {"red thing": (220, 40, 30), "green thing": (40, 200, 60), "blue thing": (30, 60, 230)}
Images = NDArray[np.uint8]


def _garments() -> tuple[Images, Images, Images, Images]:
    if not FASHION.is_dir():
        pytest.skip("needs the Debian package dataset-fashion-mnist")

    def first(part: str, count: int) -> tuple[Images, Images]:
        rows = read_labelled(FASHION / f"{part}-images-idx3-ubyte.gz", lambda path: to_shape(path, (28, 28)))
        return rows.inputs[:count], rows.labels[:count]

    return (*first("train", 6000), *first("t10k", 1000))


def _patterns() -> tuple[Images, Images, Images, Images]:
    """Stripes across, upright and both, of random width, place and brightness, in noise."""
    generator = np.random.default_rng(0)

    def draw(count: int) -> tuple[Images, Images]:
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = generator.integers(0, 30, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            width, place = generator.integers(2, 5), generator.integers(0, 6)
            wave = (np.arange(28) + place) // width % 2 == 0
            across, upright = np.broadcast_to(wave[:, None], (28, 28)), np.broadcast_to(wave, (28, 28))
            image[(across, upright, across | upright)[label]] += np.uint8(generator.integers(100, 220))
        return images, labels

    return (*draw(1200), *draw(150))


def _words(*words: object) -> list[str]:
    return [str(word) for word in words]


@pytest.mark.parametrize(
    ("rows", "classes", "options", "bounds", "least"),
    [
        pytest.param(_patterns, PATTERNS, ("--epochs", 8, "--augment", "none"), (), 0.97, id="patterns"),
        pytest.param(
            _garments,
            GARMENTS,
            ("--epochs", 3, "--augment", "slight", "--label-smoothing", 0.1),
            # So short a training on so few rows leaves many of them undecided, and 100 rows a class count coarsely.
            ("--max-drop", 0.02, "--max-class-drop", 0.1),
            0.7,
            id="garments",
        ),
    ],
)
def test_a_data_set_in_idx_files_goes_through_all_commands(
    rows: Any,
    classes: list[str],
    options: tuple[object, ...],
    bounds: tuple[object, ...],
    least: float,
    run_command: Run,
    tmp_path: Path,
) -> None:
    images, labels, test_images, test_labels = rows()
    files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    data, out, bundle = tmp_path / "data", tmp_path / "out", tmp_path / "bundle"
    data.mkdir()
    for file, array in zip(files, (images, labels, test_images, test_labels), strict=True):
        (data / f"{file}-ubyte").write_bytes(format_idx(array))
    (tmp_path / "names.txt").write_text("\n".join(classes))
    chosen = ("--data", data, "--labels", tmp_path / "names.txt", "--out", out)

    assert train(_words("--model", "small", *chosen, *options)) == 0
    accuracy = json.loads((out / "metrics.json").read_text())["accuracy"]
    assert accuracy > least

    asked = ("--int8", "--model", out / "model.keras", "--data", data, "--out", bundle)
    assert export(_words(*asked, *bounds)) == 0
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["labels"] == classes
    assert manifest["input"]["picture"] == "resize" and manifest["input"]["preprocessing"] == "unit"
    assert manifest["keras_accuracy"] == pytest.approx(accuracy)
    assert {item["file"] for item in manifest["artifacts"]} >= {"model.int8.tflite", "model.int8.onnx"}

    scores = numbre_runtime.load(bundle).predict_batch(test_images)
    assert (scores.argmax(axis=1) == test_labels).mean() == pytest.approx(accuracy, abs=0.03)
    right = scores.argmax(axis=1) == test_labels
    surest = int(np.where(right, scores.max(axis=1), 0).argmax())
    # Twice as large: the runtime brings it back to the network's size.
    Image.fromarray(test_images[surest]).resize((56, 56), Image.Resampling.NEAREST).save(tmp_path / "picture.png")
    read = run_command("numbre-predict", "--bundle", bundle, "picture.png", cwd=tmp_path)
    assert read.returncode == 0, read.stderr
    assert read.stdout.startswith(f"picture.png: {classes[test_labels[surest]]} (")


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a folder of pictures a class, told apart by colour alone, and a Keras network that does it."""
    from numbre_export.convert.engine import keras

    directory = tmp_path_factory.mktemp("coloured")
    generator = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        folder = directory / "pictures" / name
        folder.mkdir(parents=True)
        for number in range(60):
            pixels = np.full((40, 48, 3), generator.integers(0, 256), np.int64)
            top, left = generator.integers(4, 20, 2)
            pixels[top : top + 18, left : left + 22] = colour
            noisy = np.clip(pixels + generator.integers(-20, 21, pixels.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{number}.png")
    parts = read_parts(directory / "pictures", lambda path: to_shape(path, (24, 24, 3)))
    module = keras()
    module.utils.set_random_seed(0)
    layers = module.layers
    model = module.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu", name="first"),
            layers.Conv2D(16, 3, strides=2, activation="relu", name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="colours",
    )
    model.compile(module.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    names = sorted(COLOURS)
    labels = np.array([names.index(label) for label in parts.train.labels])
    model.fit(parts.train.inputs / np.float32(255), labels, epochs=20, verbose=0)
    model.save(directory / "colours.keras")
    return directory


def test_a_colour_network_goes_from_folders_of_pictures_to_an_answer(run_command: Run, coloured: Path) -> None:
    words = ("--model", coloured / "colours.keras", "--data", coloured / "pictures", "--out", coloured / "bundle")
    assert export(_words("--int8", "--preprocess", "unit", *words)) == 0
    manifest = json.loads((coloured / "bundle" / "manifest.json").read_text())
    assert manifest["labels"] == sorted(COLOURS)
    assert manifest["input"]["shape"] == [24, 24, 3]
    assert "18 rows set apart" in manifest["provenance"]["data"]["test"]
    for name, colour in COLOURS.items():
        picture = Image.new("RGB", (300, 200), (120, 120, 120))
        picture.paste(colour, (80, 40, 220, 170))
        picture.save(coloured / f"{name}.png")
    files = [f"{name}.png" for name in COLOURS]
    read = run_command("numbre-predict", "--bundle", "bundle", *files, cwd=coloured)
    assert read.returncode == 0, read.stderr
    lines = read.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines] == [f"{name}.png: {name}" for name in COLOURS]


def test_labels_that_do_not_fit_the_model_are_refused(
    coloured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "colours.keras"
    model.write_bytes((coloured / "colours.keras").read_bytes())
    (tmp_path / "labels.txt").write_text("red\ngreen\n")
    words = _words("--int8", "--preprocess", "unit", "--model", model, "--out", tmp_path / "bundle")
    assert export([*words, "--data", str(coloured / "pictures")]) == 2
    said = capsys.readouterr().err
    assert "labels.txt: 2 different labels, but the model gives 3 scores" in said
    assert len(said.splitlines()) == 1
    assert export(words) == 2
    said = capsys.readouterr().err
    assert "the model's classes are not MNIST's digits; name its data with --data" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "bundle").exists()
