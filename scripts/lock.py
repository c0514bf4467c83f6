"""Writes constraints.txt: the newest versions that resolve together, without addresses."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_HEAD = "# Every version that was tried together; written by `make lock`.\n"
_OWN = {"numbre", "numbre-runtime"}


def main() -> int:
    """Resolves both distributions in a dry run of pip and writes what it chose."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        python = Path(directory) / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        command: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", report]
        subprocess.run([*command, "--editable", ROOT / "runtime", "--editable", f"{ROOT}[dev,fuzz]"], check=True)
        entries = json.loads(report.read_text())["install"]
    pins = {entry["metadata"]["name"].lower().replace("_", "-"): entry["metadata"]["version"] for entry in entries}
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items()) if name not in _OWN]
    (ROOT / "constraints.txt").write_text(_HEAD + "".join(lines))
    print(f"{len(lines)} versions written to constraints.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
