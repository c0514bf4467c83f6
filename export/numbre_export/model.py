"""Reading a Keras model that nobody vouches for."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.engine import keras, quiet_converter
from numbre_runtime.errors import ModelError
from numbre_runtime.files import read_limited
from numbre_runtime.manifest import PIXEL_SCALES

_FILE_LIMIT = 256 << 20
_CONFIG_LIMIT = 16 << 20
_BATCH = 1000


@dataclass(frozen=True)
class KerasModel:
    """A classifier of digits, as read from a file."""

    model: Any
    """The keras.Model: (N, 784) float32 in, (N, 10) float32 scores out."""
    file: str
    """The file's name."""
    sha256: str
    """Hex digest of the file."""
    preprocessing: str
    """What its input layer's name says: "unit" (pixels / 255) or "none" (pixels), see `PIXEL_SCALES`."""

    def network_input(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Images (N, 28, 28) as what the model takes, (N, 784) float32."""
        flat = images.reshape(len(images), -1)
        return (flat * PIXEL_SCALES[self.preprocessing]).astype(np.float32)

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The model's own scores for images (N, 28, 28), (N, 10) float32."""
        values = self.network_input(images)
        parts = [
            np.asarray(self.model(values[start : start + _BATCH], training=False))
            for start in range(0, len(values), _BATCH)
        ]
        return np.concatenate(parts)


def read_model(path: Path) -> KerasModel:
    """Reads a .keras file with Keras's safe mode on; code in it (a Lambda layer) is refused before it is loaded.

    Raises:
        ModelError: It is missing, damaged, no Keras model, holds code, or is no classifier of 784 pixels.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file; numbre-train makes one")
    content = read_limited(path, _FILE_LIMIT, ModelError)
    _refuse_code(path)
    module = keras()
    module.backend.clear_session()
    with quiet_converter(f"{path}: Keras"):
        model = module.saving.load_model(path, compile=False, safe_mode=True)
    shapes = (tuple(model.input_shape), tuple(model.output_shape)) if hasattr(model, "input_shape") else None
    if shapes != ((None, 784), (None, 10)):
        raise ModelError(f"{path}: takes and gives {shapes}; expected 784 pixels in and 10 scores out")
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ModelError(f"{path}: a weight is NaN or infinite; train it again")
    preprocessing = "none" if model.inputs[0].name.startswith("pixels_0_255") else "unit"
    return KerasModel(model, path.name, hashlib.sha256(content).hexdigest(), preprocessing)


def _refuse_code(path: Path) -> None:
    """Looks into the archive's own description, without Keras."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _FILE_LIMIT:
                raise ModelError(f"{path}: unpacks to more than {_FILE_LIMIT:,} bytes")
            with archive.open("config.json") as stream:
                config = json.loads(stream.read(_CONFIG_LIMIT))
    except ModelError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError, EOFError) as cause:
        raise ModelError(f"{path}: not a .keras file ({_first_line(cause)})") from cause
    if _has_lambda(config):
        raise ModelError(f"{path}: refused, it holds code (a Lambda layer); rebuild the model without it")


def _has_lambda(config: Any) -> bool:
    """Whether a model's description names a Lambda layer or a serialized function anywhere."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if item.get("class_name") in ("Lambda", "__lambda__"):
                return True
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return False


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
