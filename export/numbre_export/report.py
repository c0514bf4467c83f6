"""What the export measured, as one page without anything to load from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from numbre_runtime.manifest import Manifest

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #ccc; text-align: right; vertical-align: top; }
th:first-child, td:first-child, .text td, .text th { text-align: left; }
code { overflow-wrap: anywhere; font-size: .85em; }
.scroll { overflow-x: auto; }
"""


def report_html(manifest: Manifest) -> str:
    """The report as a self-contained HTML page."""
    measured = [
        (
            item.file,
            measure.backend,
            f"{item.bytes / 1000:.1f}",
            f"{measure.accuracy:.2%}",
            f"{(measure.accuracy - manifest.keras_accuracy) * 100:+.2f}",
            f"{measure.agreement:.2%}",
            f"{measure.largest_difference:.1e}",
        )
        for item in manifest.artifacts
        for measure in item.measured
    ]
    images = manifest.artifacts[0].measured[0].images
    tensors = [
        (
            item.file,
            _tensor(item.input.dtype, item.input.scale, item.input.zero_point),
            _tensor(item.output.dtype, item.output.scale, item.output.zero_point),
            ", ".join(f"{name} {version}" for name, version in item.requires.items()),
        )
        for item in manifest.artifacts
    ]
    hashes = [(item.file, item.sha256) for item in manifest.artifacts]
    heads = (
        "file",
        "backend",
        "kB",
        "accuracy",
        "against Keras, points",
        "agreement",
        "largest score difference",
    )
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(manifest.name)}: export report</title><style>{_STYLE}</style></head><body>",
            f"<h1>{html.escape(manifest.name)}: export report</h1>",
            f"<p>Each file was run from disk by the runtime on {images:,} test images. The Keras model gets "
            f"{manifest.keras_accuracy:.2%} of them right; agreement is the share of images on which a file and Keras "
            "give the same answer.</p>",
            _table(heads, measured),
            "<h2>What each file takes and gives</h2>",
            _table(("file", "input", "output", "operator versions, opset and IR"), tensors, "text"),
            "<h2>SHA-256</h2>",
            _table(("file", "digest"), hashes, "text"),
            "<h2>Where it comes from</h2>",
            _table(("what", "value"), list(_flat(manifest.provenance)), "text"),
            "</body></html>\n",
        )
    )


def _tensor(dtype: str, scale: float, zero_point: int) -> str:
    return dtype if dtype == "float32" else f"{dtype}, scale {scale:.6g}, zero point {zero_point}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td><code>{html.escape(cell)}</code></td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _flat(value: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested notes as (dotted name, text) pairs; long lists are counted."""
    pairs: list[tuple[str, str]] = []
    for key, item in value.items():
        name = f"{above}{key}"
        if isinstance(item, dict):
            pairs += _flat(item, f"{name}.")
        elif isinstance(item, list) and len(item) > 12:
            pairs.append((name, f"{len(item)} entries, listed in manifest.json"))
        else:
            pairs.append((name, str(item)))
    return pairs
