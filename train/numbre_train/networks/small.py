"""A small convolutional network for images (28, 28): under 15,000 parameters, about a million multiplications.

Its last convolution covers the whole remaining picture with one 5×5 filter for each channel (a depthwise convolution,
as in Howard et al., "MobileNets", 2017). A dense layer there would hold most of the network's weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numbre_train.networks.base import Network

_MOMENTUM = 0.9
"""Momentum of the moving statistics. Keras's default, 0.99, needs hundreds of steps to forget its initial values; a
small data set does not have so many steps."""


@dataclass(frozen=True)
class SmallNetwork(Network):
    """Five convolutions 3×3 with batch normalization and ReLU, two poolings, one 5×5 filter for each channel."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(28, 28, 1)."""
        return (28, 28, 1)

    def stack(self, layers: Any, seed: int, classes: int) -> list[Any]:  # noqa: ARG002 - it has no dropout
        """See `Network.stack`. The side of the picture: 28, pooled to 14, pooled to 7, unpadded 5, then 1."""

        def convolution(number: int, channels: int, padding: str = "same") -> list[Any]:
            # Batch normalization has its own bias.
            return [
                layers.Conv2D(channels, 3, padding=padding, use_bias=False, name=f"convolution_{number}"),
                layers.BatchNormalization(momentum=_MOMENTUM, name=f"normalization_{number}"),
                layers.ReLU(name=f"relu_{number}"),
            ]

        return [
            *convolution(1, 8),
            layers.MaxPooling2D(name="pooling_1"),
            *convolution(2, 16),
            *convolution(3, 16),
            layers.MaxPooling2D(name="pooling_2"),
            *convolution(4, 24),
            *convolution(5, 24, "valid"),
            layers.DepthwiseConv2D(5, use_bias=False, name="overview"),
            layers.BatchNormalization(momentum=_MOMENTUM, name="normalization_6"),
            layers.Flatten(name="flatten"),
            layers.Dense(classes, activation="softmax", name="scores"),
        ]

    def outline(self, classes: int) -> str:
        """Channels of the convolutions, and the classes."""
        return f"convolutions 8-16-16-24-24, 24 filters 5×5, {classes} scores"


SMALL = SmallNetwork("small")
