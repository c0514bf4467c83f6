"""Pictures of one training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.history import Epoch
from numbre_train.metrics import confident_mistakes
from numbre_train.plots.style import BLUE, LIGHT_GREEN, ORANGE, RED, new_figure, percent, picture, plain_log_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def first_images(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    classes: Sequence[str],
    rows: int = 4,
    columns: int = 10,
    title: str = "First training images",
    inches: float = 0.9,
) -> Figure:
    """The first images of a data set with the names of their classes.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,) class numbers.
        classes: Names of the classes.
        rows: Rows of the grid.
        columns: Columns of the grid.
        title: Heading of the picture.
        inches: Side of an image.
    """
    figure = new_figure(columns * max(inches, 0.9 if _short(classes) else 1.1), rows * (inches + 0.2) + 0.4)
    figure.suptitle(title)
    for axes, image, label in zip(figure.subplots(rows, columns).flat, images, labels, strict=False):
        picture(axes, image, classes[label], cmap="gray_r", vmin=0, vmax=255)
    for axes in figure.axes[len(images) :]:
        axes.set_axis_off()
    return figure


def curves(epochs: Sequence[Epoch]) -> Figure:
    """Accuracy in percent and loss over the epochs."""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    marker = "o" if len(epochs) == 1 else None
    for axes, name, title in ((left, "accuracy", "Accuracy"), (right, "loss", "Loss (cross-entropy)")):
        values = [getattr(epoch, name) for epoch in epochs]
        axes.plot(numbers, values, color=BLUE, marker=marker, label="fitting rows, distorted")
        watched = [getattr(epoch, f"validation_{name}") for epoch in epochs]
        if None not in watched:
            axes.plot(numbers, watched, color=ORANGE, linestyle="--", marker=marker, label="validation rows")
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    left.set_ylim(top=1.0)
    left.yaxis.set_major_formatter(percent)
    plain_log_axis(right)
    return figure


def confusion(matrix: NDArray[np.int64], accuracy: float, classes: Sequence[str]) -> Figure:
    """A confusion matrix with its counts: right answers green, mistakes the bluer the more there are."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(*confusion_size(classes))
    axes = figure.subplots()
    image = confusion_panel(axes, matrix.astype(np.float64), "d", classes)
    axes.set_title(f"Test images: {accuracy:.2%} right (green)")
    figure.colorbar(image, ax=axes, label="mistakes", shrink=0.8, ticks=MaxNLocator(integer=True))
    return figure


def confusion_size(classes: Sequence[str]) -> tuple[float, float]:
    """Width and height, in inches, that a confusion matrix of so many classes needs."""
    side = max(6.0, 0.45 * len(classes) + (0 if _short(classes) else 1.5))
    return side + 0.4, side


def confusion_panel(axes: Any, matrix: NDArray[np.float64], form: str, classes: Sequence[str]) -> Any:
    """Draws a confusion matrix: the diagonal green, mistakes in blue by their number, none white.

    Args:
        axes: The axes to draw on.
        matrix: (classes, classes) counts or shares; row: the true class, column: the answer.
        form: "d" for counts; "%" for shares, of which those under 0.05% become a dot.
        classes: Names of the classes.
    """
    from matplotlib.colors import ListedColormap

    count = len(matrix)
    diagonal = np.eye(count, dtype=bool)
    mistakes = np.ma.masked_array(matrix, diagonal)
    top = float(mistakes.max()) or 1.0
    image = axes.imshow(mistakes, cmap="Blues", vmin=0, vmax=top)
    axes.imshow(np.ma.masked_array(diagonal, ~diagonal), cmap=ListedColormap([LIGHT_GREEN]))
    for row in range(count):
        for column in range(count):
            value = matrix[row, column]
            text = f"{int(value)}" if form == "d" else f"{value * 100:.1f}" if value >= 5e-4 else "·"
            colour = "black" if row == column else "white" if value > 0.6 * top else "black" if value else "#999999"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(count), classes, rotation=0 if _short(classes) else 90)
    axes.set_yticks(range(count), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    return image


def predictions(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], scores: NDArray[np.floating], classes: Sequence[str]
) -> Figure:
    """The first five images and the five surest mistakes among all, with answers and confidences.

    Args:
        images: (N, 28, 28) uint8 test images.
        labels: (N,) true classes.
        scores: (N, classes) scores, 0–1.
        classes: Names of the classes.
    """
    wrong = confident_mistakes(scores.astype(np.float32), labels, 5)
    rows = [
        ("The first five test images: answer and confidence", np.arange(min(5, len(images)))),
        ("The five surest mistakes, with the true class", wrong),
    ]
    rows = rows if len(wrong) else rows[:1]
    figure = new_figure(10, 2.9 * len(rows))
    for part, (title, numbers) in zip(figure.subfigures(len(rows), squeeze=False).flat, rows, strict=True):
        part.suptitle(title)
        panels = part.subplots(1, 5)
        for axes, number in zip(panels, numbers, strict=False):
            answer, label = int(scores[number].argmax()), int(labels[number])
            text = f"{classes[answer]} ({scores[number, answer]:.1%})" + f"\nis {classes[label]}" * (answer != label)
            picture(axes, images[number], text, "black" if answer == label else RED, cmap="gray_r", vmin=0, vmax=255)
        for axes in panels[len(numbers) :]:
            axes.set_axis_off()
    return figure


def _short(classes: Sequence[str]) -> bool:
    """Whether the classes are digits or letters, which fit where names do not."""
    return max(len(name) for name in classes) <= 2
