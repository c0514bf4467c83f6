"""The recipes: how each model is trained. Each was chosen on the validation rows and then left as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from numbre_runtime.errors import NumbreError
from numbre_train.augment import Augmentation
from numbre_train.networks import DNN, LINEAR, MICRO, NUMBRE, SMALL, Network

BATCH = 128
_WARM_UP_SHARE = 0.15
_FIRST_RATE_SHARE = 0.05


class RecipeError(NumbreError, ValueError):
    """A name that no recipe has."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, except the seed and the rows."""

    name: str
    """Its name in `--recipe`."""
    epochs: int
    """Passes over the rows."""
    rate: float
    """Adam's learning rate: the peak between warm-up and cosine, or the constant rate."""
    constant_rate: bool
    """Whether the learning rate stays the same throughout."""
    weight_decay: float
    """AdamW's decoupled decay of the kernels (not of the biases), per step and unit of learning rate."""
    raw_pixels: bool
    """Whether the network takes pixels 0–255 instead of pixels / 255."""
    all_rows: bool
    """Whether it fits on all training rows, with none left to validate."""
    augmentation: Augmentation | None
    """Random distortion of every image in every epoch; None leaves the images unchanged."""
    network: Network = NUMBRE
    """The network that is trained."""
    batch: int = BATCH
    """Rows in one step."""
    wild: bool = False
    """Whether it also learns photo-like copies and images that show no digit, see `numbre_train.wild`."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes, 0–1 (Szegedy et al., "Rethinking the Inception architecture",
    2016). It keeps the range of the logits small, and with it the step between two int8 logits."""
    averaging: float = 0.0
    """Momentum of the moving average of the weights that becomes the model, 0 ≤ averaging < 1; 0 for no averaging."""
    quantize: bool = False
    """Whether the network is trained further with the rounding of its int8 file, see `numbre_train.quantization`."""

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
"""Name of a distortion, as in `--augment`, to its amounts."""

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
"""Name to recipe of NUMBRE. `plain` is the published recipe, kept for comparison."""

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
    "micro": replace(_SMALL, name="micro", epochs=60, network=MICRO),
}
"""Name of a model, as in `--model`, to its recipe."""

WILD = replace(_SMALL, name="wild", epochs=20, augmentation=STRONG, wild=True)
"""For photographed digits; the model that ships with the runtime is trained by it."""
RECIPES_OF = {"numbre": RECIPES, "small": {WILD.name: WILD}}
"""Name of a model to the recipes that `--recipe` may name for it."""


def recipe_named(name: str) -> Recipe:
    """The recipe of a model or a recipe's name, as `--model` and `--recipe` take them.

    Raises:
        RecipeError: No recipe has this name.

    Example:
        >>> recipe_named("best").epochs
        120
    """
    known = {**RECIPES, WILD.name: WILD, **MODELS}
    if name not in known:
        raise RecipeError(f"'{name}' is no recipe; expected one of {', '.join(known)}")
    return known[name]
