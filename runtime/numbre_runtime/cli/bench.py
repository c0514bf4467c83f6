"""`numbre-bench`: latency and accuracy of a bundle on this machine."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numbre_runtime import __version__
from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.board import processor_name
from numbre_runtime.bundle import Bundle, LabelledImages, bundle_path, labelled_images, read_bundle
from numbre_runtime.classifier import load_bundle
from numbre_runtime.cli.common import EXIT_OK, Parser, quiet_engine, run_command
from numbre_runtime.errors import BackendError, BackendNotInstalledError, BackendUnsupportedError, BundleError
from numbre_runtime.files import read_limited
from numbre_runtime.manifest import Artifact
from numbre_runtime.measure import batch_rate, peak_rss, single_latency

_DATA_LIMIT = 256 << 20
_BATCH_IMAGES = 10_000


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(prog="numbre-bench", description="Measures a bundle's latency and accuracy on this machine.")
    result.add_argument("--bundle", metavar="DIR", help="a bundle made by numbre-export (default: the built-in model)")
    result.add_argument("--backend", choices=BACKENDS, help="only this engine (default: all that are installed)")
    result.add_argument("--threads", type=int, default=1, help="threads that an engine may use (default: 1)")
    result.add_argument(
        "--data",
        metavar="FILE.npz",
        help="test data with the arrays 'images' (N, 28, 28) uint8 and 'labels' (N,) uint8 "
        "and, if known, the Keras model's 'answers' (N,) uint8 (default: the bundle's own, or its golden images)",
    )
    result.add_argument("--json", action="store_true", help="print the results as JSON")
    return result


def run(args: argparse.Namespace) -> int:
    """Measures every artifact with every backend that runs it, and prints the table."""
    bundle = read_bundle(bundle_path(args.bundle))
    data, source = _test_images(bundle, args.data)
    names = (args.backend,) if args.backend else BACKENDS
    pairs = [
        (artifact, name)
        for artifact in bundle.manifest.artifacts
        for name in names
        if backend_format(name) == artifact.format
    ]
    rows = []
    missing: list[BackendError] = []
    failed: list[BackendError] = []
    for artifact, name in pairs:
        try:
            rows.append(_measure(bundle, artifact, name, args.threads, data))
        except (BackendNotInstalledError, BackendUnsupportedError) as error:
            missing.append(error)
        except BackendError as error:
            failed.append(error)
            rows.append({"artifact": artifact.file, "backend": name, "error": str(error)})
    if len(rows) == len(failed):
        nothing = BundleError(f"{bundle.path}: has no artifact that {args.backend} runs")
        raise next(iter([*failed, *missing]), nothing)
    result = {
        "bundle": bundle.manifest.name,
        "machine": f"{processor_name()}, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "numbre_runtime": __version__,
        "accuracy_on": f"{len(data.images):,} {source}",
        "accuracy_at_export": {
            item.file: [{"backend": m.backend, "images": m.images, "accuracy": m.accuracy} for m in item.measured]
            for item in bundle.manifest.artifacts
        },
        "threads": args.threads,
        "peak_rss_mb": round(peak_rss() / 1e6, 1),
        "rows": rows,
    }
    print(json.dumps(result, indent=1) if args.json else _table(result))
    return EXIT_OK


def _test_images(bundle: Bundle, data: str | None) -> tuple[LabelledImages, str]:
    if data is not None:
        content = read_limited(Path(data), _DATA_LIMIT, BundleError)
        return labelled_images(content, data, bundle.manifest.input.shape), f"images of {Path(data).name}"
    own = bundle.test_data()
    if own is not None:
        return own, "test images of the bundle"
    golden = bundle.golden()
    return LabelledImages(golden.inputs, golden.labels, None), "golden images of the bundle"


def _measure(bundle: Bundle, artifact: Artifact, name: str, threads: int, data: LabelledImages) -> dict[str, Any]:
    start = time.perf_counter()
    with quiet_engine():
        classifier = load_bundle(bundle, name, threads, artifact.file)
    load_ms = (time.perf_counter() - start) * 1000
    if sys.stderr.isatty():
        print(f"measuring {artifact.file} with {classifier.backend} …", file=sys.stderr)
    latency = single_latency(classifier, data.images)
    many = np.resize(data.images, (_BATCH_IMAGES, *data.images.shape[1:]))
    answers = classifier.predict_raw(data.images).argmax(axis=1)
    return {
        "artifact": artifact.file,
        "backend": classifier.backend,
        "bytes": artifact.bytes,
        "load_ms": round(load_ms, 2),
        "p50_us": round(latency.p50, 2),
        "p90_us": round(latency.p90, 2),
        "p99_us": round(latency.p99, 2),
        "images_per_second": round(batch_rate(classifier, many)),
        "accuracy": float((answers == data.labels).mean()),
        "agreement": None if data.answers is None else float((answers == data.answers).mean()),
    }


_HEADS = (
    "artifact",
    "backend",
    "kB",
    "load ms",
    "p50 µs",
    "p90 µs",
    "p99 µs",
    "images/s",
    "accuracy",
    "agreement",
    "at export",
)


def _table(result: dict[str, Any]) -> str:
    measured = [row for row in result["rows"] if "error" not in row]
    text = format_table([_HEADS, *(_cells(row, result["accuracy_at_export"][row["artifact"]]) for row in measured)])
    failed = [f"{row['artifact']} with {row['backend']}: {row['error']}" for row in result["rows"] if "error" in row]
    note = (
        f"{result['machine']}; {result['threads']} thread(s); accuracy on {result['accuracy_on']}, agreement with the "
        f"Keras model; peak RSS of this process {result['peak_rss_mb']:.0f} MB"
    )
    return "\n".join([text, *failed, "", note])


def _cells(row: dict[str, Any], exported: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    engine = row["backend"].split()[0]
    before = [item["accuracy"] for item in exported if item["backend"].split()[0] == engine]
    return (
        row["artifact"],
        row["backend"],
        f"{row['bytes'] / 1000:.1f}",
        f"{row['load_ms']:.1f}",
        f"{row['p50_us']:.1f}",
        f"{row['p90_us']:.1f}",
        f"{row['p99_us']:.1f}",
        f"{row['images_per_second']:,}",
        f"{row['accuracy']:.2%}",
        "-" if row["agreement"] is None else f"{row['agreement']:.2%}",
        f"{before[0]:.2%}" if before else "-",
    )


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned columns, the first two to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
