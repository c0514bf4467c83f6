"""Pictures of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from numbre_train.plots.style import BLUE, ORANGE, RED, new_figure, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def search_history(complete: Mapping[int, float], pruned: Mapping[int, float], target: float | None) -> Figure:
    """Validation accuracy of every trial, the best so far, and the target.

    Args:
        complete: Trial number to accuracy, 0–1, of the trials that were completed.
        pruned: Trial number to last accuracy, 0–1, of the trials that were stopped early.
        target: Accuracy, 0–1, at which the search stops; None for none.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(9, 4.2)
    axes = figure.subplots()
    numbers = sorted(complete)
    values = [complete[number] for number in numbers]
    axes.plot(numbers, values, "o", color=BLUE, markersize=5, label="trial")
    if pruned:
        axes.plot(
            list(pruned), list(pruned.values()), "x", color=ORANGE, markersize=5, label="pruned trial, when stopped"
        )
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=BLUE, alpha=0.6, label="best so far")
    if target is not None:
        axes.axhline(target, color=RED, linestyle="--", linewidth=1, label=f"target {target:.2%}")
    axes.set_title("Accuracy on the validation rows")
    axes.set_xlabel("trial")
    axes.set_ylabel("accuracy")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(percent)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def parameter_importance(importances: Mapping[str, float]) -> Figure:
    """Bars of how much each parameter mattered, 0–1, the most important one on top."""
    figure = new_figure(9, 0.45 * len(importances) + 1.2)
    axes = figure.subplots()
    names: Sequence[str] = sorted(importances, key=lambda name: importances[name])
    bars = axes.barh([name.replace("_", " ") for name in names], [importances[name] for name in names], color=BLUE)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axes.set_title("Importance of the parameters")
    axes.set_xlabel("share")
    axes.set_xlim(0, max(importances.values()) * 1.12 or 1)
    return figure
