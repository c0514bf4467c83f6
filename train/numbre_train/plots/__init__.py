"""Every picture that numbre-train draws, in one style."""

from numbre_train.plots.comparison import confusion_pair, loss_over_time, mistakes
from numbre_train.plots.epochs import confusion, curves, first_images, predictions
from numbre_train.plots.style import png
from numbre_train.plots.trials import parameter_importance, search_history
from numbre_train.plots.weights import animation, weight_frames, weight_images

__all__ = [
    "animation",
    "confusion",
    "confusion_pair",
    "curves",
    "first_images",
    "loss_over_time",
    "mistakes",
    "parameter_importance",
    "png",
    "predictions",
    "search_history",
    "weight_frames",
    "weight_images",
]
