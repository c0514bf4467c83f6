"""Exports Keras classifiers as verified bundles, and tells whether a runtime runs a bundle's files.

import numbre_export

report = numbre_export.export_model("model.keras", "pictures/", "bundle", preprocess="unit")
report.manifest.artifacts[0].measured       # accuracy, agreement with Keras, … of the recommended file
numbre_export.check("bundle", "tflite-runtime==2.14")
numbre_export.write_c_library("bundle", "bundle-c")     # for microcontrollers
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numbre_export.auditing import Audit, audit
    from numbre_export.c.library import write_c_library
    from numbre_export.html.offline_page import offline_page, write_offline_page
    from numbre_export.pipeline import ExportReport, export_model
    from numbre_export.verify.gate import Gate, ParityError
    from numbre_export.verify.targets import Compatibility, check

__all__ = [
    "Audit",
    "Compatibility",
    "ExportReport",
    "Gate",
    "ParityError",
    "audit",
    "check",
    "export_model",
    "offline_page",
    "write_c_library",
    "write_offline_page",
]

_HOMES = {
    "Audit": "auditing",
    "audit": "auditing",
    "Compatibility": "verify.targets",
    "ExportReport": "pipeline",
    "Gate": "verify.gate",
    "ParityError": "verify.gate",
    "check": "verify.targets",
    "export_model": "pipeline",
    "offline_page": "html.offline_page",
    "write_c_library": "c.library",
    "write_offline_page": "html.offline_page",
}
"""Where the public names are defined."""


def __getattr__(name: str) -> object:
    """Imports a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
