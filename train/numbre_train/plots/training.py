"""Pictures of one training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.history import Epoch
from numbre_train.plots.style import BLUE, ORANGE, RED, new_figure, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def first_images(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    classes: Sequence[str],
    rows: int = 4,
    columns: int = 10,
    title: str = "First training images",
) -> Figure:
    """The first images of a data set with their classes; (N, 28, 28) uint8."""
    figure = new_figure(columns * (0.8 if _short(classes) else 1.1), rows * 0.95 + 0.3)
    figure.suptitle(title)
    for axes, image, label in zip(figure.subplots(rows, columns).flat, images, labels, strict=False):
        picture(axes, image, classes[label], cmap="gray_r", vmin=0, vmax=255)
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


def confusion(matrix: NDArray[np.int64], accuracy: float, classes: Sequence[str]) -> Figure:
    """A confusion matrix with its counts; the colours tell the mistakes apart, not the right answers."""
    figure = new_figure(*confusion_size(classes))
    axes = figure.subplots()
    image = confusion_panel(axes, matrix.astype(np.float64), "d", classes)
    axes.set_title(f"Test images: {accuracy:.2%} right")
    figure.colorbar(image, ax=axes, label="mistakes", shrink=0.8)
    return figure


def confusion_size(classes: Sequence[str]) -> tuple[float, float]:
    """Width and height, in inches, that a confusion matrix of so many classes needs."""
    side = max(6.0, 0.45 * len(classes) + (0 if _short(classes) else 1.5))
    return side + 0.4, side


def confusion_panel(axes: Any, matrix: NDArray[np.float64], form: str, classes: Sequence[str]) -> Any:
    """Draws a confusion matrix whose colours tell the mistakes apart, not the right answers.

    Args:
        axes: Where.
        matrix: (classes, classes) counts or shares; row: the true class, column: the answer.
        form: "d" for counts; "%" for shares, of which those under 0.05% become a dot.
        classes: Their names.
    """
    count = len(matrix)
    mistakes = np.ma.masked_array(matrix, np.eye(count, dtype=bool))
    top = float(mistakes.max()) or 1.0
    image = axes.imshow(mistakes, cmap="Blues", vmin=0, vmax=top)
    for row in range(count):
        for column in range(count):
            value = matrix[row, column]
            text = f"{int(value)}" if form == "d" else f"{value * 100:.1f}" if value >= 5e-4 else "·"
            dark = row != column and value > 0.6 * top
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.set_xticks(range(count), classes, rotation=0 if _short(classes) else 90)
    axes.set_yticks(range(count), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return image


def predictions(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], answers: NDArray[np.integer], classes: Sequence[str]
) -> Figure:
    """Ten held-out images with predicted and actual class, wrong ones in red."""
    figure = new_figure(10, 4.6)
    figure.suptitle("Ten held-out images")
    gap = " " if _short(classes) else "\n"
    for axes, image, label, answer in zip(figure.subplots(2, 5).flat, images, labels, answers, strict=False):
        right = label == answer
        title = f"predicted {classes[answer]},{gap}actual {classes[label]}"
        picture(axes, image, title, "black" if right else RED, cmap="gray_r", vmin=0, vmax=255)
    return figure


def _short(classes: Sequence[str]) -> bool:
    """Whether the classes are digits or letters, which fit where names do not."""
    return max(len(name) for name in classes) <= 2
