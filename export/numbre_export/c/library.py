"""All files of a C library: the model, golden vectors for the host, and a project for each kind of board."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.c.literals import remark
from numbre_export.c.model_source import model_files
from numbre_export.c.network import Network
from numbre_export.c.vectors import Vectors, golden_header, samples_header, vectors


class _AtTemplate(Template):
    """Like `string.Template`, with @ for $, which make and CMake need for themselves."""

    delimiter = "@"


def library_files(
    content: bytes,
    model: Network,
    images: NDArray[np.uint8] | None = None,
    labels: NDArray[np.integer[Any]] | None = None,
) -> dict[str, str]:
    """The library and its projects.

    Args:
        content: The TFLite file.
        model: What `network` made of it.
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
        **_projects(model, found),
    }


def _projects(model: Network, found: Vectors) -> dict[str, str]:
    """The templates, filled in."""
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
