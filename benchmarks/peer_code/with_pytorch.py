"""NUMBRE's network and weights in PyTorch, float32, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness import Images, Peer


def load(folder: Path) -> Peer:
    """See `harness`."""
    torch.set_num_threads(1)
    layers: list[Any] = []
    with np.load(folder / "weights.npz") as weights:
        for index in range(len(weights) // 2):
            kernel, bias = weights[f"kernel_{index}"], weights[f"bias_{index}"]
            layer = torch.nn.Linear(*kernel.shape)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(kernel.T.copy()))
                layer.bias.copy_(torch.from_numpy(bias))
            layers += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1], torch.nn.Softmax(dim=1)).eval()

    def batch(images: Images) -> NDArray[Any]:
        with torch.inference_mode():
            values = torch.from_numpy(images).reshape(-1, 784).float() / 255
            answers: NDArray[Any] = network(values).argmax(dim=1).numpy()
            return answers

    return lambda image: int(batch(image)[0]), batch
