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
from importlib.util import find_spec
from pathlib import Path

from numbre_runtime.errors import OutputError

_DISTRIBUTION = "numbre-runtime"
_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip file can hold."""
_WHEEL = "Wheel-Version: 1.0\nGenerator: numbre-runtime\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def runtime_wheel() -> tuple[str, bytes]:
    """File name and content of the wheel.

    Raises:
        OutputError: The runtime runs without having been installed, so that nothing describes it.
    """
    return _wheel_of(_DISTRIBUTION, Path(__file__).resolve().parent.parent)


def pip_wheel() -> tuple[str, bytes]:
    """File name and content of the installed pip as a wheel, which runs on a board without being installed there.

    Raises:
        OutputError: pip is not installed here.
    """
    spec = find_spec("pip")
    if spec is None or spec.origin is None:
        raise OutputError("pip is not installed here, and boards get it from here; run: python -m ensurepip")
    return _wheel_of("pip", Path(spec.origin).parent)


def _wheel_of(name: str, package: Path) -> tuple[str, bytes]:
    """A wheel of an installed distribution that has one package and no other files."""
    try:
        installed = distribution(name)
    except PackageNotFoundError as cause:
        raise OutputError(f"{name} is not installed here, only on the path; install it with pip first") from cause
    stem = f"{package.name}-{installed.version}"
    information = f"{stem}.dist-info"
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
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            # The time of writing would give each wheel of the same files another digest.
            archive.writestr(zipfile.ZipInfo(path, _DATE), content, zipfile.ZIP_DEFLATED)
    return f"{stem}-py3-none-any.whl", stream.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
