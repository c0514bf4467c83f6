"""NUMBRE's float32 ONNX file in tract; a model for one row and one for 100, since tract's shapes are fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tract
from numpy.typing import NDArray

from harness import Images, Peer

_ROWS = 100


def load(folder: Path) -> Peer:
    """See `harness`."""

    def model(rows: int) -> Any:
        loaded = tract.onnx().load(folder / "model.float32.onnx")
        loaded.set_input_fact(0, f"{rows},784,f32")
        return loaded.into_model().into_runnable()

    one = model(1)
    many: list[Any] = []

    def scores(runnable: Any, images: Images) -> NDArray[Any]:
        result: NDArray[Any] = runnable.run([images.reshape(-1, 784).astype(np.float32) / 255])[0].to_numpy()
        return result

    def batch(images: Images) -> NDArray[Any]:
        if not many:
            many.append(model(_ROWS))
        parts = [images[start : start + _ROWS] for start in range(0, len(images), _ROWS)]
        return np.concatenate([scores(many[0], part).argmax(axis=1) for part in parts])

    return lambda image: int(scores(one, image)[0].argmax()), batch
