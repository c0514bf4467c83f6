"""Data sets and their splits, defined once for training, export and benchmarks."""

from numbre_train.data.mnist import Mnist, load_mnist
from numbre_train.data.splits import Split, calibration_rows, split_rows

__all__ = ["Mnist", "Split", "calibration_rows", "load_mnist", "split_rows"]
