"""The networks that can be trained; one kind a file."""

from numbre_train.networks.base import Network, first_weights
from numbre_train.networks.convolutional import MICRO, SMALL, ConvolutionalNetwork
from numbre_train.networks.dense import ACTIVATIONS, DNN, LINEAR, NUMBRE, PARAMETERS, DenseNetwork

__all__ = [
    "ACTIVATIONS",
    "DNN",
    "LINEAR",
    "MICRO",
    "NUMBRE",
    "PARAMETERS",
    "SMALL",
    "ConvolutionalNetwork",
    "DenseNetwork",
    "Network",
    "first_weights",
]
