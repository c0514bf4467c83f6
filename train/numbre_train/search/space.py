"""What the search may vary, for each model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from numbre_train.networks import DenseNetwork
from numbre_train.recipes import Recipe

_LAYERS, _UNITS = (1, 3), (32, 512)
_ACTIVATIONS = ("relu", "tanh")
_BATCHES = (64, 128, 256)


def suggest(trial: Any, recipe: Recipe, fixed: Collection[str]) -> Recipe:
    """A recipe for a trial.

    Args:
        trial: An optuna Trial, or a FixedTrial to build the same recipe again.
        recipe: What is varied; its network's name decides what there is to vary.
        fixed: Names of options that keep the recipe's value, as "dropout" or "batch_size".
    """
    network = recipe.network

    def free(name: str) -> bool:
        return name not in fixed

    if isinstance(network, DenseNetwork) and network.name == "dnn":
        if free("hidden"):
            layers = trial.suggest_int("layers", *_LAYERS)
            network = replace(network, hidden=(trial.suggest_int("units", *_UNITS, log=True),) * layers)
        if free("activation"):
            network = replace(network, activation=trial.suggest_categorical("activation", _ACTIVATIONS))
        if free("dropout"):
            network = replace(network, dropout=trial.suggest_float("dropout", 0.0, 0.6))
        if free("input_dropout"):
            network = replace(network, input_dropout=trial.suggest_float("input_dropout", 0.0, 0.3))
    if isinstance(network, DenseNetwork) and network.name in ("linear", "dnn") and free("l2"):
        network = replace(network, l2=trial.suggest_float("l2", 1e-7, 1e-3, log=True))
    recipe = replace(recipe, network=network)
    if network.name in ("numbre", "small"):
        recipe = replace(recipe, weight_decay=trial.suggest_float("weight_decay", 1e-4, 0.2, log=True))
    if free("learning_rate"):
        recipe = replace(recipe, rate=trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True))
    if free("batch_size"):
        recipe = replace(recipe, batch=trial.suggest_categorical("batch_size", _BATCHES))
    return recipe
