"""The parameters that a search varies: those of the network, then those of the optimizer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from numbre_train.recipes import Recipe

_BATCHES = (64, 128, 256)


def suggest(trial: Any, recipe: Recipe, fixed: Collection[str]) -> Recipe:
    """A recipe for a trial.

    Args:
        trial: An optuna Trial, or a FixedTrial to build the same recipe again.
        recipe: The recipe to vary.
        fixed: Names of options that keep the recipe's value, as "dropout" or "batch_size".
    """
    recipe = replace(recipe, network=recipe.network.suggest(trial, fixed))
    if "l2" not in recipe.network.options():
        # Without an L2 penalty, AdamW's decay is what keeps the weights small.
        recipe = replace(recipe, weight_decay=trial.suggest_float("weight_decay", 1e-4, 0.2, log=True))
    if "learning_rate" not in fixed:
        recipe = replace(recipe, rate=trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True))
    if "batch_size" not in fixed:
        recipe = replace(recipe, batch=trial.suggest_categorical("batch_size", _BATCHES))
    return recipe
