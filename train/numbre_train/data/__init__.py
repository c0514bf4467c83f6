"""Data sets and their splits, defined once for training, export and benchmarks."""

from numbre_train.data.dataset import Dataset, load_dataset
from numbre_train.data.mnist import Mnist, load_mnist
from numbre_train.data.rows import Rows
from numbre_train.data.splits import Split, calibration_rows, split_rows

__all__ = ["Dataset", "Mnist", "Rows", "Split", "calibration_rows", "load_dataset", "load_mnist", "split_rows"]
