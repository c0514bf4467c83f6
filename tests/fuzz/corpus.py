"""Sound inputs for each target, made by the project itself, and damage to them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz.http_request import sound_requests
from numbre_runtime.bundle import DEFAULT_BUNDLE, shipped_bundles
from numbre_runtime.idx import format_idx
from numbre_runtime.npz import write_npz

_ROOT = Path(__file__).resolve().parents[2]
_MODES = {"PNG": "RGBA", "JPEG": "RGB", "BMP": "P", "GIF": "P", "TIFF": "L", "WEBP": "RGB", "PPM": "L"}


def _pictures() -> list[bytes]:
    sources = []
    for format_name, mode in _MODES.items():
        for options in ({}, {"progressive": True}) if format_name == "JPEG" else ({},):
            stream = io.BytesIO()
            picture = Image.open(_ROOT / "samples" / "mnist_7.png").convert(mode)
            picture.save(stream, format_name, **options)
            sources.append(stream.getvalue())
    return [*sources, b"P2\n# c\n4 2\n15\n" + b"1 2 3 4 5 6 7 8\n", b"P1\n4 2\n" + b"1 0 1 0 0 1 1 0\n"]


def _shipped(ending: str) -> list[bytes]:
    return [path.read_bytes() for bundle in shipped_bundles() for path in sorted(bundle.glob(f"*{ending}"))]


def _npz() -> list[bytes]:
    small = write_npz(x=np.arange(60, dtype=np.uint8).reshape(5, 3, 4), y=np.array(["a", "b"]))
    return [small, *_shipped("golden.npz")]


def _csv() -> list[bytes]:
    row = ",".join(["7", *["0", "255"] * 392])
    return [f"{row}\n{row}\n".encode()]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "picture": _pictures,
    "tflite_structure": lambda: _shipped(".tflite"),
    "onnx_structure": lambda: _shipped(".onnx"),
    "numpy_backend": lambda: [(DEFAULT_BUNDLE / "model.int8.tflite").read_bytes()],
    "litert_backend": lambda: _shipped(".tflite"),
    "onnxruntime_backend": lambda: _shipped(".onnx"),
    "manifest": lambda: _shipped("manifest.json"),
    "json": lambda: _shipped("manifest.json"),
    "npz": _npz,
    "idx": lambda: [format_idx(np.zeros((2, 3, 4), np.uint8))],
    "csv": _csv,
    "http": lambda: sound_requests((_ROOT / "samples" / "mnist_7.png").read_bytes()),
    "keras_file": lambda: [(_ROOT / "tests" / "assets" / "numbre.keras").read_bytes()],
}
"""Target to its sound inputs."""
_EDGES = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD = 4096
"""Bytes in which half of the damage is done, because a model's graph and a picture's head stand there."""


def damaged(seeds: list[bytes], rng: np.random.Generator) -> bytes:
    """A sound input with one to four damages: bits, bytes, words of edge values, cuts, repeats, pieces of another."""
    content = bytearray(seeds[rng.integers(len(seeds))])
    for _ in range(int(rng.integers(1, 5))):
        size = len(content)
        if size < 8:
            break
        place = int(rng.integers(min(size, _HEAD) if rng.random() < 0.5 else size))
        kind = int(rng.integers(7))
        if kind == 0:
            content[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            content[place] = int(rng.integers(256))
        elif kind in (2, 3):
            width = (1, 2, 4)[int(rng.integers(3))]
            value = _EDGES[int(rng.integers(len(_EDGES)))] & ((1 << 8 * width) - 1)
            content[place : place + width] = value.to_bytes(width, "little" if kind == 2 else "big")
        elif kind == 4:
            del content[place : place + int(rng.integers(1, 64))]
        elif kind == 5:
            content[place:place] = content[place : place + int(rng.integers(1, 64))] * int(rng.integers(1, 8))
        else:
            other = seeds[rng.integers(len(seeds))]
            start = int(rng.integers(len(other)))
            content[place : place + 16] = other[start : start + 16]
    return bytes(content)
