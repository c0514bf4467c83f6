"""Gathers the wheels that a board needs, to install there without a network.

On the board: `pip install --no-index --find-links FOLDER numbre-runtime` with the extra in brackets.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.errors import OutputError
from numbre_runtime.remote.wheelhouse import download_wheels

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = {"arm64": "aarch64", "armhf": "armv7l", "armel": "armv6l"}
"""Debian's name of a processor to the wheels' name."""
_ENGINES = ("litert", "onnx", "tflite", "none")
_GLIBC = {"3.11": 36, "3.12": 36, "3.13": 41}
"""Python to the minor version of the glibc beside it on Raspberry Pi OS: Debian 12 has 2.36, Debian 13 has 2.41."""


def main(argv: Sequence[str] | None = None) -> int:
    """Builds the runtime's own wheel and downloads the others for the board's processor and Python."""
    parser = argparse.ArgumentParser(description="Gathers the wheels that a board needs.")
    parser.add_argument("--board", choices=ARCHITECTURES, default="arm64", help="the board's Debian architecture")
    parser.add_argument("--python", choices=_GLIBC, default="3.11", help="the board's Python (Debian 12: 3.11)")
    parser.add_argument("--engine", choices=_ENGINES, help="(default: litert, on 32-bit boards none)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="(default: dist/wheelhouse-BOARD-PYTHON)")
    args = parser.parse_args(argv)
    engine = args.engine or ("litert" if args.board == "arm64" else "none")
    out = args.out or ROOT / "dist" / f"wheelhouse-{args.board}-{args.python}"
    out.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    runtime = [*pip, "wheel", "--no-deps", "--wheel-dir", str(out), str(ROOT / "runtime")]
    if subprocess.run(runtime, check=False).returncode:
        print("wheelhouse: pip failed, as it says above", file=sys.stderr)
        return 2
    extras = () if engine == "none" else (engine,)
    try:
        download_wheels(ARCHITECTURES[args.board], args.python, _GLIBC[args.python], extras, out)
    except OutputError as cause:
        print(f"wheelhouse: {cause}", file=sys.stderr)
        return 2
    files = sorted(out.glob("*.whl"))
    print(f"{len(files)} wheels, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB, in {out}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
