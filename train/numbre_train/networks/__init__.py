"""The networks that can be trained; one kind a file."""

from numbre_train.networks.base import DIGITS, Network, first_weights
from numbre_train.networks.dense import ACTIVATIONS, DNN, LINEAR, NUMBRE, PARAMETERS, DenseNetwork, numbre_network
from numbre_train.networks.small import SMALL, SmallNetwork, small_network

__all__ = [
    "ACTIVATIONS",
    "DIGITS",
    "DNN",
    "LINEAR",
    "NUMBRE",
    "PARAMETERS",
    "SMALL",
    "DenseNetwork",
    "Network",
    "SmallNetwork",
    "first_weights",
    "numbre_network",
    "small_network",
]
