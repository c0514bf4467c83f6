"""Pictures of one training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.fit import Epoch
from numbre_train.plots.style import BLUE, ORANGE, RED, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def first_images(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    rows: int = 4,
    columns: int = 10,
    title: str = "First training images",
) -> Figure:
    """The first images of a data set with their labels; (N, 28, 28) uint8."""
    figure = new_figure(columns * 0.8, rows * 0.95 + 0.3)
    figure.suptitle(title)
    for axes, image, label in zip(figure.subplots(rows, columns).flat, images, labels, strict=False):
        picture(axes, image, str(label), cmap="gray_r", vmin=0, vmax=255)
    return figure


def curves(epochs: Sequence[Epoch]) -> Figure:
    """Accuracy and loss over the epochs."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    for axes, name, title in ((left, "accuracy", "Accuracy"), (right, "loss", "Loss (cross-entropy)")):
        axes.plot(
            numbers,
            [getattr(epoch, name) for epoch in epochs],
            color=BLUE,
            label="fitting rows, as distorted",
        )
        watched = [getattr(epoch, f"validation_{name}") for epoch in epochs]
        if None not in watched:
            axes.plot(numbers, watched, color=ORANGE, linestyle="--", label="validation rows")
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_ylim(top=1.0)
    right.set_yscale("log")
    return figure


def confusion(matrix: NDArray[np.int64], accuracy: float) -> Figure:
    """A confusion matrix with its counts; the colours tell the mistakes apart, not the right answers."""
    figure = new_figure(6.4, 6)
    axes = figure.subplots()
    image = confusion_panel(axes, matrix.astype(np.float64), "d")
    axes.set_title(f"Test images: {accuracy:.2%} right")
    figure.colorbar(image, ax=axes, label="mistakes", shrink=0.8)
    return figure


def confusion_panel(axes: Any, matrix: NDArray[np.float64], form: str) -> Any:
    """Draws a confusion matrix whose colours tell the mistakes apart, not the right answers.

    Args:
        axes: Where.
        matrix: (classes, classes) counts or shares; row: the true class, column: the answer.
        form: "d" for counts; "%" for shares, of which those under 0.05% become a dot.
    """
    classes = len(matrix)
    mistakes = np.ma.masked_array(matrix, np.eye(classes, dtype=bool))
    top = float(mistakes.max()) or 1.0
    image = axes.imshow(mistakes, cmap="Blues", vmin=0, vmax=top)
    for row in range(classes):
        for column in range(classes):
            value = matrix[row, column]
            text = f"{int(value)}" if form == "d" else f"{value * 100:.1f}" if value >= 5e-4 else "·"
            dark = row != column and value > 0.6 * top
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks(range(classes))
    axes.set_yticks(range(classes))
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return image


def predictions(images: NDArray[np.uint8], labels: NDArray[np.uint8], answers: NDArray[np.integer]) -> Figure:
    """Ten held-out digits with predicted and actual values, wrong ones in red."""
    figure = new_figure(10, 4.6)
    figure.suptitle("Ten held-out digits")
    for axes, image, label, answer in zip(figure.subplots(2, 5).flat, images, labels, answers, strict=False):
        right = label == answer
        title = f"predicted {answer}, actual {label}"
        picture(axes, image, title, "black" if right else RED, cmap="gray_r", vmin=0, vmax=255)
    return figure
