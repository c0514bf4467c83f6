"""The engines, and the record of what a probe found of one; `probe` fills it."""

from __future__ import annotations

from typing import NamedTuple

MODULES = {
    "litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
}
"""Backend name to the module that is its engine."""

PACKAGES = {
    "litert": "ai-edge-litert",
    "tflite_runtime": "tflite-runtime",
    "onnxruntime": "onnxruntime",
    "numpy": "numpy",
}
"""Backend name to the package that pip installs."""


class Probe(NamedTuple):
    """What a probe found."""

    backend: str
    """The backend's name."""
    status: str
    """"works", "not installed", "broken", or "not tried" where no child process can be started."""
    version: str = ""
    """The engine's name and version, "litert 2.3.0", as far as it got."""
    stage: str = ""
    """Where it broke, one of `probe.STAGES`."""
    reason: str = ""
    """What went wrong: the engine's own message, or the signal."""
