"""Pictures of a comparison of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numbre_train.plots.epochs import confusion_panel, confusion_size
from numbre_train.plots.style import BLUE, ORANGE, new_figure, picture, plain_log_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from numbre_train.history import Period


def loss_over_time(periods: Mapping[str, Sequence[Period]]) -> Figure:
    """Log loss on fitting and validation rows, one panel a model, all on one scale."""
    figure = new_figure(max(3.6 * len(periods), 5), 3.8)
    for axes, (name, own) in zip(
        figure.subplots(1, len(periods), sharey=True, squeeze=False).flat, periods.items(), strict=True
    ):
        epochs = [period.epoch for period in own]
        axes.plot(epochs, [period.fit_loss for period in own], color=BLUE, marker=".", label="fitting rows")
        watched = [period.validation_loss for period in own if period.validation_loss is not None]
        if watched:
            axes.plot(epochs, watched, color=ORANGE, marker=".", linestyle="--", label="validation rows")
        axes.set_title(name)
        axes.set_xlabel("epoch")
        plain_log_axis(axes)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.axes[0].set_ylabel("log loss")
    return figure


def confusion_pair(matrix: NDArray[np.int64], title: str, classes: Sequence[str]) -> Figure:
    """A confusion matrix as counts and, beside it, as percentages of each true class."""
    width, height = confusion_size(classes)
    figure = new_figure(1.72 * width, 0.85 * height)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    counted = confusion_panel(left, matrix.astype(np.float64), "d", classes)
    shared = confusion_panel(right, shares, "%", classes)
    left.set_title("rows counted", fontsize=10)
    right.set_title("percent of each actual class", fontsize=10)
    figure.colorbar(counted, ax=left, label="mistakes", shrink=0.8)
    figure.colorbar(shared, ax=right, label="mistakes", shrink=0.8, format="{x:.1%}")
    return figure


def mistakes(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    answers: NDArray[np.integer],
    confidences: NDArray[np.floating],
    title: str,
    classes: Sequence[str],
) -> Figure:
    """Images with a wrong answer, five a row, with answer, confidence and true class."""
    rows = max(-(-len(images) // 5), 1)
    figure = new_figure(10, 2.25 * rows + 0.4)
    figure.suptitle(title)
    panels = figure.subplots(rows, 5, squeeze=False).flat
    for axes, image, label, answer, confidence in zip(panels, images, labels, answers, confidences, strict=False):
        title = f"{classes[answer]} ({confidence:.1%})\nis {classes[label]}"
        picture(axes, image, title, cmap="gray_r", vmin=0, vmax=255)
    for axes in figure.axes[len(images) :]:
        axes.set_axis_off()
    return figure
