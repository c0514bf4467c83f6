"""Reading an untrusted Keras model.

The file's own description is examined before Keras sees it: the archive's sizes, code in the description, classes
from elsewhere, links out of the HDF5 part. Keras then loads it in a process with limits (`worker`).
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.arrays import batches
from numbre_export.convert.engine import keras, quiet_converter
from numbre_export.convert.keras2 import mend_keras2
from numbre_export.convert.keras_rebuild import ends_in_sigmoid, rebuild, two_scores
from numbre_export.convert.reasons import first_line
from numbre_runtime.errors import ModelError
from numbre_runtime.files import read_limited

_FILE_LIMIT = 256 << 20
_CONFIG_LIMIT = 16 << 20
_NAME_LIMIT = 10_000
_BATCH = 1000
_CODE = ("Lambda", "__lambda__")
_ELSEWHERE = ("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "TextVectorization")


@dataclass(frozen=True)
class KerasModel:
    """A classifier, as read from a file."""

    model: Any
    """The keras.Model: (N, *input_shape) float32 in, (N, classes) float32 out."""
    file: str
    """The file's name."""
    sha256: str
    """Hex digest of the file."""
    notes: tuple[str, ...] = ()
    """What was changed before converting it, in words."""

    @property
    def independent(self) -> bool:
        """Whether each score comes out of a sigmoid of its own, and is neither a softmax's share nor a logit."""
        return ends_in_sigmoid(self.model)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.model.input_shape[1:])

    @property
    def classes(self) -> int:
        """Number of scores."""
        return int(self.model.output_shape[1])

    @property
    def preprocessing(self) -> str | None:
        """The preprocessing that numbre-train writes into the input layer's name: "unit" (pixels / 255) or "none"."""
        name = self.model.inputs[0].name
        named = (("pixels_0_255", "none"), ("pixels_0_1", "unit"))
        return next((preprocessing for start, preprocessing in named if name.startswith(start)), None)

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's own output, (N, classes), for N inputs, flattened or not."""
        inputs = values.reshape(-1, *self.input_shape).astype(self.model.inputs[0].dtype)
        parts = [np.asarray(self.model(part, training=False)) for part in batches(inputs, _BATCH)]
        return np.concatenate(parts)


def read_model(path: Path, input_shape: tuple[int, ...] | None = None) -> KerasModel:
    """Reads a .keras or .h5 file with Keras's safe mode on; code in it (a Lambda layer) is refused before it is loaded.

    Args:
        path: The file.
        input_shape: The shape of one input, for a model that leaves sizes open.

    Raises:
        ModelError: It is missing, damaged, no Keras model, holds code, classes of others or links to other files, has
            a weight that is no number, or is no classifier with one input and one output.
    """
    content = model_content(path)
    refuse_unsafe(path, content)
    module = keras()
    module.backend.clear_session()
    # The very bytes that were examined, whatever happens to the file meanwhile.
    with quiet_converter(f"{path}: Keras"), tempfile.TemporaryDirectory() as directory:
        examined = Path(directory) / f"model{'.h5' if _is_hdf5(content) else '.keras'}"
        examined.write_bytes(content)
        if _is_hdf5(content):
            _mend_file(examined)
        model = module.saving.load_model(examined, compile=False, safe_mode=True)
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise ModelError(f"{path}: a weight is NaN or infinite; train it again")
    if input_shape is not None:
        with quiet_converter(f"{path}: with --input-shape, Keras"):
            model = _with_shape(model, input_shape, path)
    classifier = _classifier(model, path)
    with quiet_converter(f"{path}: Keras"):
        classifier, notes = rebuild(classifier)
    return KerasModel(classifier, path.name, hashlib.sha256(content).hexdigest(), notes)


def model_content(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        ModelError: It is missing, unreadable or too large.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file; numbre-train makes one")
    return read_limited(path, _FILE_LIMIT, ModelError)


def _with_shape(model: Any, input_shape: tuple[int, ...], path: Path) -> Any:
    """The model with its input's open sizes fixed.

    Raises:
        ModelError: It has several inputs, or a size that is fixed already is another one.
    """
    inputs = getattr(model, "inputs", None) or []
    sizes = tuple(inputs[0].shape[1:]) if len(inputs) == 1 else ()
    if len(sizes) != len(input_shape) or any(
        old not in (None, new) for old, new in zip(sizes, input_shape, strict=True)
    ):
        raise ModelError(f"{path}: takes {sizes}, which --input-shape {','.join(map(str, input_shape))} does not fit")
    module = keras()
    fixed = module.models.clone_model(
        model, input_tensors=module.Input(input_shape, dtype=inputs[0].dtype, name=inputs[0].name)
    )
    fixed.set_weights(model.get_weights())
    return fixed


def _classifier(model: Any, path: Path) -> Any:
    """The model with an output (N, classes), if it is a classifier.

    Raises:
        ModelError: It is none.
    """
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs or len(inputs) != 1 or len(outputs) != 1:
        found = f"{len(inputs or ())} inputs and {len(outputs or ())} outputs"
        raise ModelError(f"{path}: has {found}; expected a classifier with one of each")
    shapes = tuple(inputs[0].shape[1:]), tuple(outputs[0].shape[1:])
    if None in shapes[0] or None in shapes[1]:
        free = ",".join("…" if size is None else str(size) for size in shapes[0])
        raise ModelError(
            f"{path}: takes and gives {shapes}; expected fixed shapes, fix the open sizes with --input-shape {free}"
        )
    classes = int(np.prod(shapes[1]))
    if not shapes[0] or not shapes[1] or shapes[1][-1] != classes:
        raise ModelError(f"{path}: gives scores of shape {shapes[1]}; expected one score a class")
    if classes < 2 and not ends_in_sigmoid(model):
        raise ModelError(f"{path}: gives a single score; expected two or more classes, or one sigmoid score")
    if classes < 2:
        model = two_scores(model)
        classes = 2
    if len(model.outputs[0].shape) == 2:
        return model
    module = keras()
    flat = module.layers.Reshape((classes,), name="scores")(model.outputs[0])
    return module.Model(model.inputs, flat, name=model.name)


def refuse_unsafe(path: Path, content: bytes) -> None:
    """Looks into the file's own description, without Keras.

    Raises:
        ModelError: It is no .keras or .h5 file, or one that is not read.
    """
    if _is_hdf5(content):
        config = _examine_hdf5(path, content, wants_config=True)
    else:
        config, weights = _archive(path, content)
        if weights is not None:
            _examine_hdf5(path, weights, wants_config=False)
    for entry in _objects(config):
        _refuse_object(path, entry)


def _is_hdf5(content: bytes) -> bool:
    return content.startswith(b"\x89HDF\r\n\x1a\n")


def _mend_file(path: Path) -> None:
    """Rewrites the description of a .h5 model of Keras 2 in the words of Keras 3."""
    import h5py

    with h5py.File(path, "r+") as file:
        if str(file.attrs.get("keras_version", "")).startswith("2."):
            file.attrs["model_config"] = json.dumps(mend_keras2(json.loads(file.attrs["model_config"])))


def _archive(path: Path, content: bytes) -> tuple[Any, bytes | None]:
    """A .keras file's description and its HDF5 part."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _FILE_LIMIT:
                raise ModelError(f"{path}: unpacks to more than {_FILE_LIMIT:,} bytes")
            with archive.open("config.json") as stream:
                config = json.loads(stream.read(_CONFIG_LIMIT))
            weights = None
            if "model.weights.h5" in archive.namelist():
                with archive.open("model.weights.h5") as stream:
                    weights = stream.read(_FILE_LIMIT)
    except ModelError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError, EOFError) as cause:
        raise ModelError(f"{path}: not a .keras file ({first_line(cause)})") from cause
    return config, weights


def _examine_hdf5(path: Path, content: bytes, wants_config: bool) -> Any:
    """Walks an HDF5 file; gives the model's description that a .h5 model has."""
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            pending, names, size = [file], 0, 0
            while pending:
                group = pending.pop()
                names += len(group)
                if names > _NAME_LIMIT:
                    raise ModelError(f"{path}: more than {_NAME_LIMIT:,} names in it, or groups that hold themselves")
                for name in group:
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise ModelError(f"{path}: refused, '{name}' in it is a link to elsewhere")
                    item = group[name]
                    if isinstance(item, h5py.Group):
                        pending.append(item)
                    elif item.external or item.is_virtual:
                        raise ModelError(f"{path}: refused, the values of '{name}' are in another file")
                    else:
                        # What it unpacks to; packed zeros take next to nothing in the file.
                        size += item.nbytes
                        if size > _FILE_LIMIT:
                            raise ModelError(f"{path}: refused, it holds values of more than {_FILE_LIMIT:,} bytes")
            config = file.attrs.get("model_config") if wants_config else None
            if not wants_config:
                return None
            if config is None:
                raise ModelError(f"{path}: holds weights and no model; save the whole model with model.save()")
            return json.loads(config)
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, RecursionError, TypeError) as cause:
        raise ModelError(f"{path}: not a readable HDF5 file ({first_line(cause)})") from cause


def _objects(config: Any) -> list[dict[str, Any]]:
    """Every JSON object in a model's description."""
    pending, objects = [config], []
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            objects.append(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return objects


def _refuse_object(path: Path, entry: dict[str, Any]) -> None:
    name = entry.get("class_name")
    if name in _CODE:
        raise ModelError(f"{path}: refused, it holds code (a Lambda layer); rebuild the model without it")
    if name in _ELSEWHERE:
        raise ModelError(f"{path}: refused, a {name} layer takes what it does from elsewhere; rebuild without it")
    module = entry.get("module")
    own = not isinstance(module, str) or module.split(".")[0] in ("keras", "tf_keras", "builtins")
    registered = f"{name}{entry.get('registered_name') or ''}"
    if isinstance(name, str) and (not own or ">" in registered):
        raise ModelError(f"{path}: refused, {name} is not one of Keras's own classes; rebuild the model with those")
