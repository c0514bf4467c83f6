"""The networks that can be trained; one kind a file."""

from numbre_train.networks.base import Network, first_weights
from numbre_train.networks.dense import ACTIVATIONS, DNN, LINEAR, NUMBRE, PARAMETERS, DenseNetwork
from numbre_train.networks.small import SMALL, SmallNetwork

__all__ = [
    "ACTIVATIONS",
    "DNN",
    "LINEAR",
    "NUMBRE",
    "PARAMETERS",
    "SMALL",
    "DenseNetwork",
    "Network",
    "SmallNetwork",
    "first_weights",
]
