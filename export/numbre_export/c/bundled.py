"""The C library as a bundle holds it: model.h and model.c, and what its manifest says of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from numbre_export.c.c_model import c_model
from numbre_export.c.footprint import footprint
from numbre_export.c.library import int8_tflite
from numbre_export.c.model_source import HEADER, SOURCE, model_files
from numbre_runtime.manifest import CLibrary, Manifest

_log = logging.getLogger(__name__)


def bundled_library(
    manifest: Manifest, contents: Mapping[str, bytes], prefix: str
) -> tuple[CLibrary, dict[str, bytes]]:
    """The library of a bundle's int8 TFLite file.

    Args:
        manifest: The bundle's manifest.
        contents: File name to content.
        prefix: What the names of the library's functions begin with.

    Returns:
        What the manifest says of it, and its files, name to content.

    Raises:
        BackendUnsupportedError: The file has what the C kernels do not compute.
        BundleError: The bundle has no int8 TFLite file.
    """
    artifact = int8_tflite(manifest)
    model = c_model(contents[artifact], manifest.name, prefix, manifest)
    library = CLibrary(HEADER, SOURCE, artifact, prefix, model.macs, model.constants, model.arena_bytes)
    measured = footprint(model)
    if measured is None:
        _log.info("%s: flash and RAM are not measured, arm-none-eabi-gcc is not installed", SOURCE)
    else:
        library = library._replace(compiler=measured.compiler, flash=measured.flash, ram=measured.ram)
        flash, ram = f"{measured.flash:,}", f"{measured.ram:,}"
        _log.info("%s: %s bytes of flash and %s of RAM (%s)", SOURCE, flash, ram, measured.compiler)
    return library, {name: text.encode() for name, text in model_files(model).items()}
