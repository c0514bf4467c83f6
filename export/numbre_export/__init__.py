"""Exports Keras classifiers as verified bundles, and tells whether a runtime runs a bundle's files.

import numbre_export

report = numbre_export.export_model("model.keras", "pictures/", "bundle", preprocess="unit")
report.manifest.artifacts[0].measured       # accuracy, agreement with Keras, … of the recommended file
numbre_export.check("bundle", "tflite-runtime==2.14")
numbre_export.write_c_library("bundle", "bundle-c")     # for microcontrollers
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numbre_runtime.first_use import at_first_use

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

__getattr__ = at_first_use(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
