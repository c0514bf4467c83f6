"""NUMBRE's network and quick recipe as one writes them in PyTorch; prints seconds to an accuracy as a line of JSON.

Usage: train_pytorch.py DATA.npz RECIPE.json SEED. The data hold images, labels, validation_images, validation_labels.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

_HALF = 13.5
"""Half a picture's side less half a pixel: grid_sample's coordinates go from −1 to 1 over it."""


def network(hidden: list[int]) -> Any:
    """Dense layers with ReLU, Glorot uniform weights and zero biases, logits out."""
    sizes = [784, *hidden, 10]
    layers: list[Any] = []
    for index in range(len(sizes) - 1):
        layer = torch.nn.Linear(sizes[index], sizes[index + 1])
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def distorted(images: Any, recipe: dict[str, float]) -> Any:
    """Random affine copies of (N, 1, 28, 28) images, each amount drawn uniformly from − to +."""

    def draw(amount: float) -> Any:
        return (torch.rand(len(images)) * 2 - 1) * amount

    angle = draw(math.radians(recipe["rotation"]))
    width, height = 1 + draw(recipe["scale"]), 1 + draw(recipe["scale"])
    slant, right, down = draw(recipe["shear"]), draw(recipe["shift"]) / _HALF, draw(recipe["shift"]) / _HALF
    cosine, sine = torch.cos(angle), torch.sin(angle)
    columns = torch.stack([cosine * width, slant - sine * height, right], 1)
    rows = torch.stack([sine * width, cosine * height, down], 1)
    grid = functional.affine_grid(torch.stack([columns, rows], 1), list(images.shape), align_corners=True)
    return functional.grid_sample(images, grid, align_corners=True)


def main() -> int:
    """Trains until the validation accuracy is reached, or all epochs are done."""
    with np.load(sys.argv[1]) as data:
        arrays = {name: torch.from_numpy(data[name]) for name in data.files}
    with open(sys.argv[2], encoding="utf-8") as stream:  # noqa: PTH123 - a peer's script stays plain
        recipe = json.load(stream)
    torch.manual_seed(int(sys.argv[3]))
    start = time.perf_counter()
    images, labels = arrays["images"].unsqueeze(1).float() / 255, arrays["labels"].long()
    validation = arrays["validation_images"].reshape(-1, 784).float() / 255
    model = network(recipe["hidden"])
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": weights, "weight_decay": recipe["weight_decay"]}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, eps=1e-7)
    batch, rates = recipe["batch"], iter(recipe["rates"])
    best, epoch = 0.0, 0
    while epoch < recipe["epochs"] and best < recipe["accuracy"]:
        epoch += 1
        order = torch.randperm(len(images))
        for first in range(0, len(images), batch):
            rows = order[first : first + batch]
            loss = functional.cross_entropy(model(distorted(images[rows], recipe).flatten(1)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            rate = next(rates)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        with torch.inference_mode():
            accuracy = (model(validation).argmax(1) == arrays["validation_labels"]).float().mean().item()
        best = max(best, accuracy)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "epochs": epoch, "accuracy": best, "reached": best >= recipe["accuracy"]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
