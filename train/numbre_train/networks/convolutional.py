"""Small convolutional networks for images (28, 28).

The last convolution covers the whole remaining picture with one 5×5 filter for each channel (a depthwise convolution,
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
class ConvolutionalNetwork(Network):
    """Convolutions 3×3 with batch normalization and ReLU, two poolings, one 5×5 filter for each channel, softmax."""

    blocks: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    """Channels of the convolutions at a side of 28, of 14 and of 7; the last one is unpadded and leaves a side of 5."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(28, 28, 1)."""
        return (28, 28, 1)

    def stack(self, layers: Any, seed: int, classes: int) -> list[Any]:  # noqa: ARG002 - it has no dropout
        """See `Network.stack`."""
        stack: list[Any] = []
        number = 0
        for block, channels in enumerate(self.blocks):
            if block:
                stack.append(layers.MaxPooling2D(name=f"pooling_{block}"))
            for count in channels:
                number += 1
                last = number == self._convolutions
                stack += [
                    # Batch normalization has its own bias.
                    layers.Conv2D(
                        count, 3, padding="valid" if last else "same", use_bias=False, name=f"convolution_{number}"
                    ),
                    layers.BatchNormalization(momentum=_MOMENTUM, name=f"normalization_{number}"),
                    layers.ReLU(name=f"relu_{number}"),
                ]
        return [
            *stack,
            layers.DepthwiseConv2D(5, use_bias=False, name="overview"),
            layers.BatchNormalization(momentum=_MOMENTUM, name=f"normalization_{number + 1}"),
            layers.Flatten(name="flatten"),
            layers.Dense(classes, activation="softmax", name="scores"),
        ]

    @property
    def _convolutions(self) -> int:
        return sum(len(channels) for channels in self.blocks)

    def outline(self, classes: int) -> str:
        """Channels of the convolutions, and the classes."""
        channels = [count for block in self.blocks for count in block]
        return (
            f"convolutions {'-'.join(str(count) for count in channels)}, {channels[-1]} filters 5×5, {classes} scores"
        )


SMALL = ConvolutionalNetwork("small", ((8,), (16, 16), (24, 24)))
MICRO = ConvolutionalNetwork("micro", ((7,), (12,), (16, 17)))
