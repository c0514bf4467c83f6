"""How closely each exported file follows its Keras model, over several training seeds, on all 10,000 test images.

Trains by the quick recipe and exports every precision in both formats; the figures are those that the exporter measures
through the runtime, with every backend, and writes into the manifest. Ready models may be named instead:
python benchmarks/parity.py MODEL.keras…
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common import write_result
from numbre_runtime.bundle import read_bundle
from numbre_runtime.manifest import Manifest

SEEDS = (0, 1, 2)
_PROGRAMS = Path(sys.executable).parent


def main() -> int:
    """Measures, prints, writes results/parity.json; exit code 1 if an export misses its gate."""
    given = [Path(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as directory:
        manifests, missed = _manifests(given or list(_trained(Path(directory))), Path(directory))
    rows = _rows(manifests)
    for row in rows:
        print(
            f"{row['artifact']:24} {row['backend']:20} {row['accuracy']:.2%} (lowest {row['lowest']:.2%})  "
            f"Keras {row['difference_points']:+.2f} points  agreement {row['lowest_agreement']:.2%}  "
            f"calibration error {row['calibration_error']:.4f}"
        )
    keras = [manifest.keras_accuracy for manifest in manifests]
    write_result(
        "parity",
        {
            "models": len(manifests),
            "missed": missed,
            "keras_accuracy": keras,
            "bundle_images": 10_000,
            "rows": rows,
        },
    )
    return int(bool(missed))


def _trained(folder: Path) -> Iterable[Path]:
    """A model for each seed, by the quick recipe."""
    for seed in SEEDS:
        out = folder / f"seed{seed}"
        subprocess.run([_PROGRAMS / "numbre-train", "--seed", str(seed), "--out", out], check=True)
        yield out / "model.keras"


def _manifests(models: list[Path], folder: Path) -> tuple[list[Manifest], list[str]]:
    """The figures in the models' bundles, and which models missed the gate."""
    manifests, missed = [], []
    for number, model in enumerate(models):
        out = folder / f"bundle{number}"
        done = subprocess.run([_PROGRAMS / "numbre-export", "--all", "--model", model, "--out", out], check=False)
        if done.returncode == 0:
            manifests.append(read_bundle(out).manifest)
        else:
            missed.append(f"{model.parent.name}: exit code {done.returncode}")
    return manifests, missed


def _rows(manifests: list[Manifest]) -> list[dict[str, Any]]:
    """A row for each artifact and backend, over the models."""
    found: dict[tuple[str, str], list[tuple[float, Any]]] = {}
    for manifest in manifests:
        for artifact in manifest.artifacts:
            for measured in artifact.measured:
                found.setdefault((artifact.file, measured.backend), []).append((manifest.keras_accuracy, measured))
    return [
        {
            "artifact": file,
            "backend": backend,
            "accuracy": statistics.mean(item.accuracy for _, item in items),
            "lowest": min(item.accuracy for _, item in items),
            "difference_points": 100 * statistics.mean(item.accuracy - keras for keras, item in items),
            "agreement": statistics.mean(item.agreement for _, item in items),
            "lowest_agreement": min(item.agreement for _, item in items),
            "calibration_error": statistics.mean(item.calibration_error or 0.0 for _, item in items),
        }
        for (file, backend), items in found.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
