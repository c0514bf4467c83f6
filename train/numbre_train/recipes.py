"""The ways to train, each found on the validation rows and then frozen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from numbre_train.augment import Augmentation
from numbre_train.networks import DNN, LINEAR, NUMBRE, SMALL, Network

BATCH = 128
_WARM_UP_SHARE = 0.15
_FIRST_RATE_SHARE = 0.05


@dataclass(frozen=True)
class Recipe:
    """All that decides how a network is trained, but for the seed."""

    name: str
    """What `--recipe` calls it."""
    epochs: int
    """Passes over the rows."""
    rate: float
    """Adam's learning rate: the peak of warm-up and cosine, or the constant one."""
    constant_rate: bool
    """Whether the rate stays the same throughout."""
    weight_decay: float
    """AdamW's decoupled decay of the weights (not of the biases), per step and unit of rate."""
    raw_pixels: bool
    """Whether the network takes pixels 0–255 as they are, instead of pixels / 255."""
    all_rows: bool
    """Whether it fits on all 60,000 rows, with none left to validate."""
    augmentation: Augmentation | None
    """How the digits are distorted; None leaves them as they are."""
    network: Network = NUMBRE
    """What is trained."""
    batch: int = BATCH
    """Rows in a step."""
    wild: bool = False
    """Whether it also sees digits as photographed, and what is no digit, see `numbre_train.wild`."""
    label_smoothing: float = 0.0
    """Share of what a row is worth that goes to all classes alike, 0–1 (Szegedy et al., "Rethinking the Inception
    architecture", 2016). It keeps the range of the logits short, and so the steps of an int8 file between them."""

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step 0 ≤ `step` < `steps`: linear warm-up, then half a cosine down to 0."""
        if self.constant_rate:
            return self.rate
        warm_up = _WARM_UP_SHARE * steps
        if step < warm_up:
            return self.rate * (_FIRST_RATE_SHARE + (1 - _FIRST_RATE_SHARE) * step / warm_up)
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


SLIGHT = Augmentation(rotation=8, scale=0.08, shear=0.08, shift=1.0, elastic=0.0)
STRONG = Augmentation(rotation=10, scale=0.12, shear=0.12, shift=1.25, elastic=0.5)
WAVY = replace(SLIGHT, elastic=0.4)
AUGMENTATIONS = {"none": None, "slight": SLIGHT, "wavy": WAVY, "strong": STRONG}
"""What `--augment` calls each distortion."""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="quick",
            epochs=20,
            rate=3e-3,
            constant_rate=False,
            weight_decay=0.02,
            raw_pixels=False,
            all_rows=False,
            augmentation=SLIGHT,
        ),
        Recipe(
            name="best",
            epochs=120,
            rate=3e-3,
            constant_rate=False,
            weight_decay=0.02,
            raw_pixels=False,
            all_rows=False,
            augmentation=STRONG,
        ),
        Recipe(
            name="plain",
            epochs=20,
            rate=1e-3,
            constant_rate=True,
            weight_decay=0.0,
            raw_pixels=True,
            all_rows=True,
            augmentation=None,
        ),
    )
}
"""Name to recipe. `plain` is the published one, kept to show what it gives."""

_PLAIN = Recipe(
    name="linear",
    epochs=30,
    rate=2e-3,
    constant_rate=False,
    weight_decay=0.0,
    raw_pixels=False,
    all_rows=False,
    augmentation=None,
    network=LINEAR,
)
_SMALL = Recipe(
    name="small",
    epochs=20,
    rate=1e-2,
    constant_rate=False,
    weight_decay=0.01,
    raw_pixels=False,
    all_rows=False,
    augmentation=WAVY,
    network=SMALL,
)
MODELS = {
    "numbre": RECIPES["quick"],
    "linear": _PLAIN,
    "dnn": replace(_PLAIN, name="dnn", network=DNN),
    "small": _SMALL,
}
"""Name to the recipe that `--model` begins with."""

WILD = replace(_SMALL, name="wild", epochs=20, augmentation=STRONG, wild=True)
"""For digits in the wild; what ships with the runtime."""
RECIPES_OF = {"numbre": RECIPES, "small": {WILD.name: WILD}}
"""Name of a model to the recipes that `--recipe` knows for it."""
