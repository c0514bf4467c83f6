"""The rebuilt network computes what LiteRT computes from the same file."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from scipy.special import softmax

from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.errors import ModelError
from numbre_runtime.tensors import network_values
from numbre_teach.float_network import float_network
from numbre_train.data import Mnist
from numbre_train.fit import scores_of


@pytest.mark.parametrize(("name", "gives"), [("digits-int8", "logits"), ("numbre-int8", "probabilities")])
def test_scores_are_those_of_litert(name: str, gives: str, mnist: Mnist) -> None:
    images, content = mnist.test_images[:200], (MODELS / name / "model.float32.tflite").read_bytes()
    spec = read_bundle(MODELS / name).manifest.input
    theirs = _litert(content, network_values(spec, images.reshape(len(images), -1)))
    ours = scores_of(float_network(content), images, raw_pixels=spec.preprocessing == "none")
    if gives == "logits":
        ours, theirs = softmax(ours, axis=1), softmax(theirs, axis=1)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def _litert(content: bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the file's own runtime computes."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = list[NDArray[np.float32]]()
    for row in values:
        interpreter.set_tensor(taken["index"], row.reshape(taken["shape"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(given["index"])[0])
    return np.array(rows)


def test_an_integer_file_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot go on learning"):
        float_network((MODELS / "digits-int8" / "model.int8.tflite").read_bytes())
