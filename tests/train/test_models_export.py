"""The linear model and the DNN: trained on CSV rows, exported to int8, read by the runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import numbre_runtime
from numbre_export.cli import main as export
from numbre_train.cli import main as train
from numbre_train.data import Mnist
from numbre_train.networks import DNN, LINEAR, NUMBRE


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.csv.gz"
    assert train(["sample", "--rows", "6000", "-o", str(path)]) == 0
    return path


@pytest.mark.parametrize(("model", "options", "least"), [("linear", [], 0.88), ("dnn", ["--hidden", "64"], 0.92)])
def test_model_goes_through_export_and_runtime(
    model: str,
    options: list[str],
    least: float,
    digits: Path,
    tmp_path: Path,
    mnist: Mnist,
) -> None:
    # Such models are unsure of more digits than NUMBRE, for which the exporter's own bounds were made.
    bounds = ["--max-drop", "0.005", "--max-class-drop", "0.02", "--min-agreement", "0.98"]
    how = ["--epochs", "12", "--learning-rate", "0.01", "--data", str(digits), "--test", "mnist"]
    words = ["--model", model, *how, "--out", str(tmp_path / "out")]
    assert train([*words, *options]) == 0
    bundle = tmp_path / "bundle"
    assert export(["--int8", "--model", str(tmp_path / "out" / "model.keras"), "--out", str(bundle), *bounds]) == 0
    classifier = numbre_runtime.load(bundle)
    assert classifier.artifact.precision == "int8"
    scores = classifier.predict_batch(mnist.test_images)
    accuracy = float((scores.argmax(axis=1) == mnist.test_labels).mean())
    trained = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert accuracy == pytest.approx(trained["accuracy"], abs=0.005)
    assert accuracy > least
    assert classifier.predict(mnist.test_images[0]).scores.shape == (10,)


def test_networks_are_what_they_say() -> None:
    for network, parameters in ((LINEAR, 7_850), (DNN, 784 * 512 + 512 + 512 * 512 + 512 + 5_130), (NUMBRE, 106_391)):
        model = network.build(raw_pixels=False, seed=3, classes=10)
        assert model.name == network.name
        assert model.count_params() == parameters
        assert (model.input_shape, model.output_shape) == ((None, 784), (None, 10))
        assert model.inputs[0].name == "pixels_0_1"
        scores = np.asarray(model(np.random.default_rng(0).random((3, 784), np.float32)))
        assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert not any(weight.any() for weight in LINEAR.build(False, 0, 10).get_weights())


def test_the_model_of_one_seed_is_the_same_again(digits: Path, tmp_path: Path) -> None:
    """Dropout and resuming included: a training stopped after two of three epochs ends as the uninterrupted one."""
    from numbre_train.data import load_dataset
    from numbre_train.fit import fit
    from numbre_train.history import Epoch
    from numbre_train.recipes import MODELS, Recipe

    data = load_dataset([digits])
    fields = {**vars(MODELS["dnn"]), "epochs": 3}
    fields["network"] = type(DNN)("dnn", hidden=(16,), dropout=0.4, input_dropout=0.1, l2=1e-4)
    recipe, checkpoint = Recipe(**fields), tmp_path / "checkpoint.npz"

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    whole, _ = fit(recipe, data.validation, None, 5, 10)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, data.validation, None, 5, 10, checkpoint=checkpoint, on_epoch=stop)
    resumed, _ = fit(recipe, data.validation, None, 5, 10, checkpoint=checkpoint, resume=True)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)
