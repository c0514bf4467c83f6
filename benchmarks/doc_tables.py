"""The tables of README.md and docs/benchmarks.md, rendered from benchmarks/results/*.json and put between markers.

A table NAME stands between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numbre_runtime.files import write_atomic

RESULTS = Path(__file__).resolve().parent / "results"
ROOT = RESULTS.parent.parent
README = ROOT / "README.md"
_MISSING = "Not measured yet; `make bench` does it."

Result = Mapping[str, Any]


def replace_between(text: str, name: str, table: str) -> str:
    """Replaces the text between the two markers of that name.

    Args:
        text: A Markdown page.
        name: The markers' name.
        table: What shall stand there, with or without line breaks at its ends.

    Raises:
        ValueError: The page does not have each marker exactly once, the beginning before the end.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"expected one line {begin} and after it one line {end}")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table.strip()}\n{end}{rest.split(end)[1]}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def against_by_hand() -> str:
    """Latency, cold start and training, with the bounds on the ratios."""
    rows: list[Sequence[str]] = []
    latency, cold, training = (_read(name) for name in ("latency", "cold_start", "train_speed"))
    if latency is not None:
        rows += _latency_rows(latency)
    if cold is not None:
        rows += _cold_rows(cold)
    if training is not None:
        rows += _training_rows(training)
    return _with_machine(rows, ("what", "NUMBRE", "against", "ratio", "bound"), latency, cold, training)


def _latency_rows(latency: Result) -> list[Sequence[str]]:
    single, ratios, bounds = latency["single_us"], latency["ratios"], latency["bounds"]
    rows: list[Sequence[str]] = []
    for name, title, key in (
        ("litert by hand", "LiteRT by hand", "single, against hand-written LiteRT int8"),
        (
            "litert bare",
            "LiteRT's three calls on ready int8 data",
            "single, against bare set_tensor, invoke, get_tensor",
        ),
        ("onnxruntime by hand", "onnxruntime float32", "single, against hand-written onnxruntime float32"),
    ):
        if name in single:
            first = ("one image, int8 on LiteRT", f"{single['numbre']:.1f} µs") if not rows else ("", "")
            rows.append((*first, f"{title} {single[name]:.1f} µs", f"{ratios[key]:.2f}", f"{bounds[key]:.2f}"))
    for threads, times in latency["batch_us"].items():
        unit = "thread" if threads == "1" else "threads"
        key = f"batch of 10,000, {threads} {unit}, against the best hand-written loop"
        best = times[latency["best_batch"][threads]]
        rows.append(
            (
                f"one image in a batch of 10,000, {threads} {unit}",
                f"{times['numbre']:.2f} µs",
                f"{_engine_of(latency['best_batch'][threads])}, best batch {best:.2f} µs",
                f"{ratios[key]:.2f}",
                f"{bounds[key]:.2f}",
            )
        )
    return rows


def _engine_of(loop: str) -> str:
    return "LiteRT" if loop.startswith("litert") else "onnxruntime"


def _cold_rows(cold: Result) -> list[Sequence[str]]:
    seconds, peaks, name = cold["seconds"], cold["peak_rss_mb"], "wall time, against the shortest script"
    rows: list[Sequence[str]] = []
    for what, suffix, ratio, bound in (
        ("`numbre-predict digit.png`, whole process", "", cold["figures"][name], f"{cold['bounds'][name]:.2f}"),
        ("the same with onnxruntime", ", onnxruntime", cold["ratio_onnxruntime"], "-"),
    ):
        ours, theirs = f"numbre-predict{suffix}", f"shortest script{suffix}"
        figure = f"{seconds[ours]:.2f} s, {peaks[ours]:.0f} MB"
        rows.append((what, figure, f"the shortest script {seconds[theirs]:.2f} s", f"{ratio:.2f}", bound))
    return rows


def _training_rows(training: Result) -> list[Sequence[str]]:
    epochs, ratios, bounds = training["epochs"], training["ratios"], training["bounds"]
    key = "20 epochs, against model.fit"
    ours, theirs = epochs["numbre_s"], epochs["plain_s"]
    first = ("20 epochs without augmentation", f"{ours:.1f} s", f"plain `model.fit` {theirs:.1f} s")
    rows: list[Sequence[str]] = [(*first, f"{ratios[key]:.2f}", f"{bounds[key]:.2f}")]
    medians, key = training["to_target_s"], "to 98.0%, against PyTorch"
    if medians.get("numbre-train") is not None:
        torch = [value for name, value in medians.items() if name.startswith("PyTorch") and value is not None]
        against = f"the same in PyTorch {min(torch):.1f} s" if torch else "PyTorch: not measured"
        ratio = f"{ratios[key]:.2f}" if key in ratios else "-"
        what = "training to 98.0% of the validation images"
        rows.append((what, f"{medians['numbre-train']:.1f} s", against, ratio, f"{bounds[key]:.2f}"))
        keras = training["to_target"].get("keras")
        if isinstance(keras, list) and medians.get("keras") is None:
            best = max(run["accuracy"] for run in keras)
            rows.append(("", "", f"the plain Keras recipe: {best:.1%} at best", "-", ""))
    return rows


def parity() -> str:
    """Accuracy, agreement and calibration of every artifact on every backend."""
    result = _read("parity")
    if result is None:
        return _MISSING
    rows = [
        (
            row["artifact"],
            row["backend"],
            f"{row['accuracy']:.2%}",
            f"{row['lowest']:.2%}",
            f"{row['difference_points']:+.2f}",
            f"{row['lowest_agreement']:.2%}",
            f"{row['calibration_error']:.4f}",
        )
        for row in result["rows"]
    ]
    heads = ("file", "backend", "accuracy", "lowest", "points to Keras", "lowest agreement", "calibration error")
    keras = result["keras_accuracy"]
    missed = result["missed"]
    if not keras:
        return f"No model passed the gate: {'; '.join(missed)}."
    said = f"Means of {result['models']} training seeds, whose Keras models reach {sum(keras) / len(keras):.2%}."
    if missed:
        said += f" Left out, because they missed the exporter's bounds: {'; '.join(missed)}."
    return f"{markdown(heads, rows)}\n\n{said}"


def peers() -> str:
    """The same digits through the tools that a user would use instead."""
    result = _read("peers")
    if result is None:
        return _MISSING
    rows: list[Sequence[str]] = []
    for row in result["rows"]:
        if "skipped" in row:
            rows.append((row["peer"], f"skipped: {_short(row['skipped'])}", *[""] * 6))
            continue
        rows.append(
            (
                row["peer"],
                f"{row['accuracy']:.2%}",
                _micros(row["p50_us"]),
                "-" if row["p99_us"] is None else _micros(row["p99_us"]),
                f"{row['images_per_second']:,.0f}",
                f"{row['cold_start_s']:.2f}",
                f"{row['peak_rss_mb']:.0f}",
                f"{row['installed_mb']:.0f}",
            )
        )
    heads = ("", "accuracy", "p50 µs", "p99 µs", "images/s", "cold start s", "RSS MB", "installed MB")
    return _with_machine(rows, heads, result)


def footprint() -> str:
    """Installed size and import time."""
    result = _read("footprint")
    if result is None:
        return _MISSING
    rows = []
    for row in result["rows"]:
        sizes = row.get("wheels_mb", {})
        cells = [_size(sizes.get(machine, {})) for machine in ("x86_64", "aarch64")]
        if not sizes:
            cells = [f"{row['installed_mb']:.0f}" if "installed_mb" in row else "-", "-"]
        rows.append((row["choice"], *cells, f"{row['import_s']:.2f}" if "import_s" in row else "-"))
    return _with_machine(rows, ("", "x86_64 MB", "aarch64 MB", "import s"), result)


def serving() -> str:
    """Requests a second under load, beside the least that a service can be."""
    result = _read("serve_load")
    if result is None:
        return _MISSING
    cells: dict[str, list[str]] = {}
    for row in result["rates"]:
        cells.setdefault(row["title"], []).append(
            f"{row['requests_per_second']:,.0f} ({row['ratio']:.2f}), {row['p99_ms']:.1f} ms"
        )
    if "mlserver" in result:
        cells["MLServer"] = [f"skipped: {_short(result['mlserver'])}", "", ""]
    heads = ("requests a second (ratio), p99", "1 connection", "8 connections", "64 connections")
    table = _with_machine([(title, *found) for title, found in cells.items()], heads, result)
    overload = result["overload"]
    said = (
        f"At {overload['connections']} connections: p99 of accepted requests {overload['accepted_p99_ms']:.0f} ms "
        f"(bound {overload['accepted_bound_ms']:.0f} ms), of refusals {overload['refusal_p99_ms']:.0f} ms, of "
        f"`/v2/health/live` {overload['live_p99_ms']:.0f} ms; a second later {overload['recovered_p99_ms']:.1f} ms."
    )
    if "soak" in result:
        soak = result["soak"]
        said += (
            f" After {soak['seconds'] / 60:.0f} minutes under load memory is {soak['last_mb']:.1f} MB, "
            f"{soak['growth_second_half_mb']:.2f} MB more than at half time."
        )
    return f"{table}\n\n{said}"


def microcontrollers() -> str:
    """Flash, RAM and instructions of the models on emulated boards."""
    result = _read("microcontrollers")
    if result is None:
        return "Not measured yet; `make test-mcu` does it."
    rows: list[Sequence[str]] = []
    named: set[str] = set()
    for row in result["rows"]:
        model = row["bundle"]
        first = (
            ("", "") if model in named else (f"`{model}`, {row['macs']:,} multiplications", f"{row['accuracy']:.2%}")
        )
        named.add(model)
        sizes = (f"{row['flash']:,} B", f"{row['arena'] + row['stack']:,} B")
        rows.append((*first, row["title"], *sizes, f"{row['steps']:,} {row['unit']}"))
    return markdown(("model", "accuracy on 10,000", "board", "flash", "RAM", "one prediction"), rows)


def teaching() -> str:
    """What numbre-teach makes of few pictures."""
    result = _read("teach")
    if result is None:
        return _MISSING
    rows = [
        (
            str(row["shots"]),
            f"{row['draws']}" + (f", {row['refused']} refused" if row["refused"] else ""),
            f"{row['before']:.1%}",
            f"{row['after']:.1%}",
            f"{row['lost_points']:+.2f}",
            f"{row['seconds']:.0f}",
        )
        for row in result["rows"]
    ]
    heads = ("pictures a class", "draws", "right before", "right after", "points lost on MNIST", "seconds")
    return _with_machine(rows, heads, result)


def digest() -> str:
    """The figures that a newcomer asks for first."""
    names = ("latency", "pictures", "cold_start", "real_digits", "footprint")
    latency, pictures, cold, digits, installed = (_read(name) for name in names)
    rows: list[Sequence[str]] = []
    if digits is not None:
        right = digits["rows"]["MNIST, as arrays"]["numbre"]
        rows.append(("MNIST's 10,000 test images that `digits-int8` (25 kB) reads right", f"{right:.2%}"))
    if latency is not None:
        single = latency["single_us"]
        ours, hand, digits_int8 = (_micros(single[name]) for name in ("numbre", "litert by hand", "digits-int8"))
        what = "one image as an array, `digits-int8`; `numbre-int8`, NUMBRE's own network"
        rows.append((what, f"{digits_int8} µs; {ours} µs (LiteRT by hand {hand} µs)"))
    if pictures is not None:
        photo = pictures["rows"]["240×320 JPEG"]
        rows.append(
            ("one photo of 240×320 pixels", f"{photo['ms']:.1f} ms (OpenCV by hand {photo['against_ms']:.1f} ms)")
        )
    if cold is not None:
        seconds, peak = cold["seconds"]["numbre-predict"], cold["peak_rss_mb"]["numbre-predict"]
        rows.append(("`numbre-predict digit.png`, whole process", f"{seconds:.2f} s, {peak:.0f} MB"))
    if installed is not None:
        sizes = next(row["wheels_mb"] for row in installed["rows"] if row["choice"].startswith("[litert], "))
        total = sum(sizes["aarch64"].values())
        rows.append(("installed with LiteRT on a 64-bit Raspberry Pi", f"{total:.0f} MB, no TensorFlow"))
    return _with_machine(rows, ("what", "measured"), latency, pictures)


PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"digest": digest},
    ROOT / "docs" / "benchmarks.md": {
        "measured": against_by_hand,
        "parity": parity,
        "peers": peers,
        "footprint": footprint,
        "serving": serving,
    },
    ROOT / "docs" / "microcontrollers.md": {"microcontrollers": microcontrollers},
    ROOT / "docs" / "teaching.md": {"teach": teaching},
}
"""Page to its markers' names, and each name to the function that renders its table."""


def rendered(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """A page's text with all its tables as the results say."""
    for name, table in tables.items():
        text = replace_between(text, name, table())
    return text


def main() -> int:
    """Rewrites the pages."""
    for page, tables in PAGES.items():
        write_atomic(page, rendered(page.read_text(encoding="utf-8"), tables).encode())
    return 0


def _read(name: str) -> Result | None:
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return None
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    return result


def _with_machine(rows: Sequence[Sequence[str]], heads: Sequence[str], *results: Result | None) -> str:
    """The table and, below it, where it was measured: a line for each machine."""
    if not rows:
        return _MISSING
    loads: dict[str, list[float]] = {}
    for result in results:
        if result is not None:
            machine = result["machine"]
            name = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
            loads.setdefault(name, []).append(machine["load_average"])
    lines = [f"{name}, load average {' and '.join(f'{load:.1f}' for load in found)}." for name, found in loads.items()]
    return f"{markdown(heads, rows)}\n\n{' '.join(lines)}"


def _micros(value: float) -> str:
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _size(parts: Mapping[str, float]) -> str:
    """A sum with its largest parts."""
    if not parts:
        return "no wheel"
    named = sorted(parts.items(), key=lambda item: -item[1])[:3]
    return f"{sum(parts.values()):.1f} ({', '.join(f'{name} {size:.1f}' for name, size in named)})"


def _short(reason: str) -> str:
    return " ".join(reason.replace("|", "/").split())[:80]


if __name__ == "__main__":
    sys.exit(main())
