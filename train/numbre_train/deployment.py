"""A model of the recipe wild as the exporter takes it: it gives logits, and says when its answers count."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbre_runtime.tensors import softmax
from numbre_train.data.abstention import Abstention
from numbre_train.data.rows import Rows
from numbre_train.fit import scores_of
from numbre_train.wild.generator import NONE_LABEL, wild_rows
from numbre_train.wild.in_the_wild import OTHERS
from numbre_train.wild.temperature import fitted_temperature
from numbre_train.wild.threshold import threshold_for


def with_logits(model: Any) -> Any:
    """A copy of a Keras model without the softmax of its last layer.

    The runtime takes the softmax in floating point: an int8 file's own softmax has 256 steps, of which the highest,
    0.996, stands for every sure answer.
    """
    import keras

    def copied(layer: Any) -> Any:
        config = layer.get_config()
        return layer.__class__.from_config({**config, "activation": "linear"} if layer is model.layers[-1] else config)

    result = keras.models.clone_model(model, clone_function=copied)
    result.set_weights(model.get_weights())
    return result


def measured_abstention(model: Any, validation: Rows, raw_pixels: bool, seed: int) -> Abstention:
    """Temperature and threshold of a model.

    Args:
        model: A Keras model that gives logits (N, classes).
        validation: Digits that were not learned; the threshold keeps nearly all of them, and the temperature is fitted
            to them, to photo-like copies of them, and to images that show no digit.
        raw_pixels: Whether the network takes pixels 0–255 instead of pixels / 255.
        seed: Decides the copies.
    """
    photos = wild_rows(validation, OTHERS, seed, validation=True)
    clean = scores_of(model, validation.images, raw_pixels)
    logits = np.concatenate([clean, scores_of(model, photos.images, raw_pixels)])
    temperature = fitted_temperature(logits, np.concatenate([validation.labels, photos.labels]))
    return Abstention(NONE_LABEL, threshold_for(softmax(clean, temperature)), temperature)
