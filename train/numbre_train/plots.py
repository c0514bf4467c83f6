"""Every picture that training draws, in one style.

Colours are a single-hue and a diverging map that colour-blind readers can tell apart, and the Okabe–Ito palette
(Okabe & Ito, "Color Universal Design", 2008).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.fit import Epoch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, RED = "#0072B2", "#E69F00", "#D55E00"
_DPI = 120


def png(figure: Figure) -> bytes:
    """A figure as a PNG file; the same figure gives the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, in inches, without pyplot's global state or a window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _picture(axes: Any, image: NDArray[Any], title: str, colour: str = "black", **options: Any) -> Any:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=9, color=colour)
    return axes.imshow(image, **options)


def first_images(images: NDArray[np.uint8], labels: NDArray[np.uint8], rows: int = 4, columns: int = 10) -> Figure:
    """The first images of a data set with their labels; (N, 28, 28) uint8."""
    figure = _figure(columns * 0.8, rows * 0.95 + 0.3)
    figure.suptitle("First training images")
    for axes, image, label in zip(figure.subplots(rows, columns).flat, images, labels, strict=False):
        _picture(axes, image, str(label), cmap="gray_r", vmin=0, vmax=255)
    return figure


def curves(epochs: Sequence[Epoch]) -> Figure:
    """Accuracy and loss over the epochs."""
    figure = _figure(10, 4)
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
    figure = _figure(6.4, 6)
    axes = figure.subplots()
    mistakes = np.ma.masked_array(matrix, np.eye(len(matrix), dtype=bool))
    image = axes.imshow(mistakes, cmap="Blues", vmin=0)
    top = max(int(mistakes.max()), 1)
    for row in range(len(matrix)):
        for column in range(len(matrix)):
            dark = row != column and matrix[row, column] > 0.6 * top
            axes.text(
                column,
                row,
                str(matrix[row, column]),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    axes.set_xticks(range(len(matrix)))
    axes.set_yticks(range(len(matrix)))
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.set_title(f"Test images: {accuracy:.2%} right")
    figure.colorbar(image, ax=axes, label="mistakes", shrink=0.8)
    return figure


def weight_images(weights: NDArray[np.float32], columns: int = 5) -> Figure:
    """The first layer's weights, (784, units), as one 28×28 image a unit on one symmetric scale."""
    units = weights.shape[1]
    rows = -(-units // columns)
    figure = _figure(columns * 1.5 + 0.8, rows * 1.6 + 0.4)
    figure.suptitle("What the first hidden layer looks at")
    top = float(np.abs(weights).max())
    grid = figure.subplots(rows, columns)
    for index, axes in enumerate(grid.flat):
        if index < units:
            image = _picture(
                axes, weights[:, index].reshape(28, 28), f"unit {index + 1}", cmap="PuOr", vmin=-top, vmax=top
            )
        else:
            axes.set_axis_off()
    figure.colorbar(image, ax=grid, label="weight", shrink=0.6)
    return figure


def predictions(images: NDArray[np.uint8], labels: NDArray[np.uint8], answers: NDArray[np.integer]) -> Figure:
    """Ten held-out digits with predicted and actual values, wrong ones in red."""
    figure = _figure(10, 4.6)
    figure.suptitle("Ten held-out digits")
    for axes, image, label, answer in zip(figure.subplots(2, 5).flat, images, labels, answers, strict=False):
        right = label == answer
        title = f"predicted {answer}, actual {label}"
        _picture(axes, image, title, "black" if right else RED, cmap="gray_r", vmin=0, vmax=255)
    return figure
