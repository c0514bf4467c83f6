"""All files of a C library: the model, golden vectors for the host, and a project for each kind of board."""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.c.c_model import CModel, c_model
from numbre_export.c.literals import remark
from numbre_export.c.model_source import HEADER, MARK, model_files
from numbre_export.c.vectors import Vectors, golden_header, samples_header, vectors
from numbre_runtime.bundle import Bundle, bundle_path, read_bundle
from numbre_runtime.errors import BundleError, ModelError, OutputError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.manifest import Manifest

_FILE_LIMIT = 256 << 20
_HEAD = 1000
"""Bytes of model.h in which its mark stands."""


def write_c_library(model: str | os.PathLike[str], out: str | os.PathLike[str], *, prefix: str = "numbre") -> CModel:
    """Writes the C library of a finished model, with projects for boards.

    Args:
        model: An int8 TFLite file, or a bundle, or the name of one that ships. Only a bundle knows how pixels are read
            and what the classes are: a TFLite file's library has no `predict`.
        out: The library's directory. Files in it are replaced if an earlier library is there; no other file is touched.
        prefix: What the names of the library's functions begin with.

    Returns:
        What was written: the model's steps and sizes.

    Raises:
        BackendError: The file is damaged, or has what the numpy backend or the C kernels do not compute.
        BundleError: The bundle is not as its manifest says, or has no int8 TFLite file.
        DataError: The prefix is no C identifier.
        OutputError: `out` cannot be written, or holds what no export wrote.

    Example:
        >>> import tempfile
        >>> from numbre_export import write_c_library
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     written = write_c_library("numbre-int8", f"{directory}/c")
        >>> written.macs, written.arena_bytes
        (105800, 809)
    """
    path, folder = bundle_path(model), Path(out)
    refuse_foreign_library(folder)
    if path.is_dir():
        bundle = read_bundle(path)
        return write_bundle_library(bundle, folder, prefix)
    content = read_limited(path, _FILE_LIMIT, ModelError)
    found = c_model(content, path.stem, prefix)
    _write(folder, library_files(content, found))
    return found


def write_bundle_library(bundle: Bundle, folder: Path, prefix: str) -> CModel:
    """`write_c_library` of a bundle that is read already."""
    content = bundle.contents[int8_tflite(bundle.manifest)]
    found = c_model(content, bundle.manifest.name, prefix, bundle.manifest)
    golden = bundle.golden()
    _write(folder, library_files(content, found, golden.inputs, golden.labels))
    return found


def int8_tflite(manifest: Manifest) -> str:
    """The file name of a bundle's int8 TFLite artifact.

    Raises:
        BundleError: It has none.
    """
    for artifact in manifest.artifacts:
        if (artifact.format, artifact.precision) == ("tflite", "int8"):
            return artifact.file
    raise BundleError(
        f"{manifest.name}: has no int8 TFLite file, of which the C library is made; export it with --int8"
    )


def refuse_foreign_library(folder: Path) -> None:
    """Keeps an export from writing among files that no export wrote.

    Raises:
        OutputError: `folder` is a file, or a directory with other files and no C library.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, a directory was expected; choose another --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    header = folder / HEADER
    head = header.open("rb").read(_HEAD) if header.is_file() else b""
    if MARK.encode() not in head:
        raise OutputError(f"{folder}: holds files and no C library that an export wrote; choose another --out")


def _write(folder: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        write_atomic(folder / path, text.encode())


class _AtTemplate(Template):
    """Like `string.Template`, with @ for $, which make and CMake need for themselves."""

    delimiter = "@"


def library_files(
    content: bytes,
    model: CModel,
    images: NDArray[np.uint8] | None = None,
    labels: NDArray[np.integer[Any]] | None = None,
) -> dict[str, str]:
    """The library and its projects.

    Args:
        content: The TFLite file.
        model: What `c_model` made of it.
        images: (N, …) pixels for the golden vectors; without them, inputs are random.
        labels: (N,) their classes.

    Returns:
        Path inside the library's folder, with slashes, to text.
    """
    found = vectors(content, model, images)
    known = labels if found.kind == "uint8_t" else None
    made = model_files(model)
    samples = samples_header(found, known)
    arduino = f"arduino/{model.prefix}"
    return {
        **made,
        "golden.h": golden_header(found),
        **{f"{arduino}/src/{name}": text for name, text in made.items()},
        f"{arduino}/examples/classify/samples.h": samples_header(found, known, " PROGMEM"),
        "pico/samples.h": samples,
        "esp-idf/main/samples.h": samples,
        **project_files(model, found),
    }


def project_files(model: CModel, found: Vectors) -> dict[str, str]:
    """The files that are the same for every model but for its names and sizes."""
    words = {
        "prefix": model.prefix,
        "PREFIX": model.prefix.upper(),
        "title": remark(model.name),
        "function": "predict" if found.kind == "uint8_t" else "run",
        "input_type": found.kind,
        "constants": f"{model.constants:,}",
        "arena": f"{model.arena_bytes:,}",
        "macs": f"{model.macs:,}",
    }
    texts = {}
    for path, entry in _walk(files("numbre_export.c") / "templates", ""):
        target = path.removesuffix(".in").replace("arduino/", f"arduino/{model.prefix}/")
        texts[target] = _AtTemplate(entry.read_text(encoding="utf-8")).substitute(words)
    return texts


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        path = f"{prefix}{entry.name}"
        found += _walk(entry, f"{path}/") if entry.is_dir() else [(path, entry)]
    return found
