"""The class that stands for none of the others may stand anywhere among the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numbre_runtime.bundle import Bundle
from numbre_runtime.classifier import Classifier
from numbre_runtime.tensors import Encoder, as_stored


class _Fixed:
    """A session that always gives the same outputs."""

    version, batch = "fixed 1", 1024

    def __init__(self, outputs: NDArray[Any]) -> None:
        self._outputs = outputs

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        encode(rows)
        return np.repeat(self._outputs, len(rows), axis=0)

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        return lambda: self.run(buffer)


@pytest.mark.parametrize(
    ("none", "second"), [(none, second) for none in range(10) for second in range(10) if none != second]
)
def test_the_answer_is_the_best_of_the_others(shipped: Bundle, none: int, second: int) -> None:
    outputs = np.full((1, 10), -128, np.int8)
    outputs[0, none], outputs[0, second] = 100, -100
    manifest = shipped.manifest._replace(none_label=shipped.manifest.labels[none])
    classifier = Classifier(shipped.artifact("model.int8.tflite"), manifest, _Fixed(outputs))
    answer = classifier.predict(np.zeros((28, 28), np.uint8))
    assert answer.label == manifest.labels[second]
    assert answer.confidence == pytest.approx(28 / 256)
