"""The installed runtime as a wheel again, so that a board gets the very files that run here.

No build tool is needed: a wheel is a zip file of the package and of four files that describe it (PyPA, "Binary
distribution format", version 1.0).
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from numbre_runtime.errors import OutputError

_DISTRIBUTION = "numbre-runtime"
_WHEEL = "Wheel-Version: 1.0\nGenerator: numbre-runtime\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def runtime_wheel() -> tuple[str, bytes]:
    """File name and content of the wheel.

    Raises:
        OutputError: The runtime runs without having been installed, so that nothing describes it.
    """
    try:
        installed = distribution(_DISTRIBUTION)
    except PackageNotFoundError as cause:
        raise OutputError(
            f"{_DISTRIBUTION} is not installed here, only on the path; install it with pip first"
        ) from cause
    name = f"numbre_runtime-{installed.version}"
    information = f"{name}.dist-info"
    package = Path(__file__).resolve().parent.parent
    files = {
        f"{package.name}/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    files[f"{information}/METADATA"] = (installed.read_text("METADATA") or "").encode()
    files[f"{information}/WHEEL"] = _WHEEL.encode()
    files[f"{information}/entry_points.txt"] = (installed.read_text("entry_points.txt") or "").encode()
    record = [f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files.items()]
    files[f"{information}/RECORD"] = "".join([*record, f"{information}/RECORD,,\n"]).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{name}-py3-none-any.whl", stream.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
