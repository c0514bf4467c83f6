"""Every picture that numbre-train draws, in one style."""

from numbre_train.plots.style import png
from numbre_train.plots.training import confusion, curves, first_images, predictions
from numbre_train.plots.weights import animation, weight_frames, weight_images

__all__ = [
    "animation",
    "confusion",
    "curves",
    "first_images",
    "png",
    "predictions",
    "weight_frames",
    "weight_images",
]
