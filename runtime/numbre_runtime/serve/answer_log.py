"""What the served models answered lately: how far it is from their test rows, and what a shadow would have answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbre_runtime.drift import confidence_histogram, histogram_distance
from numbre_runtime.serve.served_model import Answers, ServedModel
from numbre_runtime.serve.shadow import Shadow

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 1000
"""Answers that are looked back at."""
_FEWEST = 50
"""Fewer answers tell nothing about a distribution."""


class _Recent(NamedTuple):
    digest: str
    confidences: deque[float]


class AnswerLog:
    """The confidences of each model's last answers, and the shadows."""

    def __init__(self, shadows: Mapping[str, Shadow]) -> None:
        self.shadows = shadows
        """Model's name to its shadow."""
        self._recent: dict[str, _Recent] = {}

    def add(self, model: ServedModel, tensor: NDArray[Any], answers: Answers) -> None:
        """Remembers answers; may be called from any thread.

        Args:
            model: The model that gave them.
            tensor: The images as they came.
            answers: The answers.
        """
        recent = self._recent.get(model.name)
        # A new version is compared with its own test rows from its own first answer on.
        if recent is None or recent.digest != model.digest:
            recent = self._recent[model.name] = _Recent(model.digest, deque(maxlen=WINDOW))
        recent.confidences.extend(answers.confidence.tolist())
        shadow = self.shadows.get(model.name)
        if shadow is not None:
            shadow.compare(model, tensor, answers)

    def distance(self, model: ServedModel) -> float | None:
        """Kolmogorov-Smirnov distance of the last answers' confidences from those of the test rows, 0–1.

        None where there are too few answers, or the bundle does not tell; see `numbre_runtime.drift`.
        """
        recent, baseline = self._recent.get(model.name), model.classifier.manifest.baseline
        if recent is None or baseline is None or len(recent.confidences) < _FEWEST:
            return None
        return histogram_distance(
            confidence_histogram(np.array(recent.confidences.copy())), np.array(baseline.confidence_histogram)
        )

    def close(self) -> None:
        """Lets the shadows' threads end."""
        for shadow in self.shadows.values():
            shadow.close()
