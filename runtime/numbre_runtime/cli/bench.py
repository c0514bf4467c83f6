"""`numbre-bench`: latency and accuracy of a bundle, on this machine or on a board behind ssh."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numbre_runtime.backends import BACKENDS
from numbre_runtime.bench.case import cases
from numbre_runtime.bench.compare import comparison, parse_result, read_result
from numbre_runtime.bench.images import test_images
from numbre_runtime.bench.on_board import measure_on_board
from numbre_runtime.bench.plot import check_plotting, plot
from numbre_runtime.bench.rounds import Plan, Record, run_rounds
from numbre_runtime.bench.summary import summary
from numbre_runtime.bench.table import table
from numbre_runtime.bundle import bundle_path, read_bundle
from numbre_runtime.cli.common import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, Parser, run_command
from numbre_runtime.errors import BackendError, BackendUnsupportedError
from numbre_runtime.files import check_output, write_atomic
from numbre_runtime.remote.ssh import Host
from numbre_runtime.text import json_text, terminal

EXIT_SLOWER = 4
_USUAL = Plan(rounds=10, samples=10_000, seconds=10.0)
_THOROUGH = Plan(rounds=20, samples=100_000, seconds=3600.0)
_MOST_THREADS = 256
_MOST = {"rounds": 10_000, "samples": 100_000_000}


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-bench",
        description="Measures a bundle's latency and accuracy on this machine.",
        examples=(
            "numbre-bench --bundle digits-int8 --rounds 3",
            "numbre-bench --ssh pi@raspberrypi.local --json pi.json",
        ),
    )
    result.add_argument("--bundle", metavar="DIR", help="a bundle made by numbre-export (default: the built-in model)")
    result.add_argument("--backend", choices=BACKENDS, help="only this engine (default: all that are installed)")
    result.add_argument(
        "--threads", metavar="N,…", help="numbers of threads that an engine may use (default: 1 and one for each core)"
    )
    result.add_argument(
        "--data",
        metavar="FILE.npz",
        help="test data with the arrays 'images' (N, 28, 28) uint8 and 'labels' (N,) uint8 "
        "and, if known, the Keras model's 'answers' (N,) uint8 (default: the bundle's own, or its golden images)",
    )
    result.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help=f"single images for each row (default: {_USUAL.samples:,}, or as many as {_USUAL.seconds:.0f} s allow); "
        "p99 takes 10,000, p99.9 takes 100,000",
    )
    result.add_argument(
        "--rounds", type=int, metavar="N", help=f"processes for each row, in turn (default: {_USUAL.rounds})"
    )
    result.add_argument(
        "--thorough", action="store_true", help=f"{_THOROUGH.samples:,} samples in {_THOROUGH.rounds} rounds"
    )
    result.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="write the result as JSON (no FILE: print it)"
    )
    result.add_argument("--plot", metavar="FILE.png", help="draw each row's distribution; needs matplotlib")
    result.add_argument(
        "--compare", metavar="OLD.json", help=f"an earlier result; exit code {EXIT_SLOWER} if a row became slower"
    )
    result.add_argument("--progress", action="store_true", help="say what is measured, also if no terminal is there")
    group = result.add_argument_group("on a board of yours, over ssh")
    group.add_argument("--ssh", metavar="USER@HOST", help="install there, measure, bring the result here, clean up")
    group.add_argument(
        "--ssh-option", action="append", default=[], metavar="OPTION", help="as for ssh -o, for example Port=2222"
    )
    group.add_argument(
        "--ssh-python", default="python3", metavar="PROGRAM", help="the board's Python (default: python3)"
    )
    group.add_argument(
        "--ssh-engines", default="litert,onnx", metavar="NAME,…", help="engines to install there (default: litert,onnx)"
    )
    group.add_argument(
        "--ssh-wheels", metavar="DIR", help="install there from these wheels, for a board without network"
    )
    return result


def run(args: argparse.Namespace) -> int:
    """Measures every artifact with every backend that runs it, and prints the table."""
    old = read_result(Path(args.compare)) if args.compare else None
    if args.plot:
        check_plotting()
    bundle = bundle_path(args.bundle)
    inputs = [name for name in (args.data, args.compare, bundle, args.ssh_wheels) if name is not None]
    for name in (args.json, args.plot):
        if name not in (None, "-"):
            check_output(Path(name), inputs)
    plan, threads = _plan(args), _threads(args.threads)
    result = _on_board(args) if args.ssh is not None else _here(args, plan, threads)
    # Printed first, so that nothing is lost if a file cannot be written after all.
    print(json_text(result, indent=1) if args.json == "-" else table(result), flush=True)
    if args.json not in (None, "-"):
        write_atomic(Path(args.json), (json_text(result, indent=1) + "\n").encode())
    if args.plot:
        write_atomic(Path(args.plot), plot(result))
    slower = False
    if old is not None:
        text, slower = comparison(old, result)
        print(f"\nagainst {terminal(args.compare)}\n{text}", file=sys.stderr if args.json == "-" else sys.stdout)
    if result["interrupted"]:
        return EXIT_INTERRUPTED
    if all("error" in row for row in result["rows"]):
        return EXIT_ERROR
    return EXIT_SLOWER if slower else EXIT_OK


def _plan(args: argparse.Namespace) -> Plan:
    usual = _THOROUGH if args.thorough else _USUAL
    rounds = usual.rounds if args.rounds is None else args.rounds
    samples = usual.samples if args.samples is None else args.samples
    for name, value in (("rounds", rounds), ("samples", samples)):
        if not 1 <= value <= _MOST[name]:
            raise BackendError(f"--{name} {value:,}: expected 1 to {_MOST[name]:,}")
    # Whoever asks for a number of samples waits for them.
    return Plan(rounds, samples, usual.seconds if args.samples is None else _THOROUGH.seconds)


def _threads(text: str | None) -> tuple[int, ...]:
    """The numbers of threads, each once."""
    if text is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return tuple(sorted({1, min(cores, _MOST_THREADS)}))
    try:
        counts = [int(word) for word in text.split(",")]
    except ValueError as cause:
        raise BackendError(f"--threads {text}: expected numbers with commas between them") from cause
    for count in counts:
        if not 1 <= count <= _MOST_THREADS:
            raise BackendError(f"{count} threads; expected 1 to {_MOST_THREADS}")
    return tuple(dict.fromkeys(counts))


def _here(args: argparse.Namespace, plan: Plan, threads: Sequence[int]) -> dict[str, Any]:
    """The result of this machine; of the visits until then, if Ctrl-C ends them."""
    bundle = read_bundle(bundle_path(args.bundle))
    data, source = test_images(bundle, args.data)
    measured_on = f"{len(data.images):,} {source}"
    todo = cases(bundle.manifest, args.backend, threads)
    record, interrupted = Record(), False
    progress = _Progress(args.progress, args.quiet)
    try:
        run_rounds(todo, bundle.path, args.data, plan, record, progress.say)
    except KeyboardInterrupt:
        if not record.visits:
            raise
        interrupted = True
        # The command is about to end; pressed once more, it must not lose what it is about to print.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        progress.say("interrupted; this is what was measured so far")
    finally:
        progress.end()
    result = summary(record, todo, bundle, measured_on, interrupted)
    if not result["rows"]:
        raise BackendUnsupportedError(next(iter(record.failures.values())).failure)
    return result


def _on_board(args: argparse.Namespace) -> dict[str, Any]:
    """The result of a board."""
    bundle = read_bundle(bundle_path(args.bundle))
    words = [
        f"--{name}={value}" for name in ("backend", "threads", "samples", "rounds") if (value := getattr(args, name))
    ]
    words += ["--thorough"] if args.thorough else []
    content = measure_on_board(
        Host(args.ssh, tuple(args.ssh_option)),
        bundle.path,
        Path(args.data) if args.data else None,
        words,
        python=args.ssh_python,
        engines=tuple(filter(None, args.ssh_engines.split(","))),
        wheels=Path(args.ssh_wheels) if args.ssh_wheels else None,
    )
    return parse_result(content, f"{args.ssh}'s result")


class _Progress:
    """What is done just now: one line that is written over on a terminal, lines elsewhere if asked for."""

    def __init__(self, wanted: bool, quiet: bool) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = (wanted or self._terminal) and not quiet

    def say(self, text: str) -> None:
        """Shows it."""
        if self._shown:
            text = terminal(text)
            print(f"\r\x1b[K{text}" if self._terminal else text, end="" if self._terminal else "\n", file=sys.stderr)
            sys.stderr.flush()

    def end(self) -> None:
        """Leaves the line."""
        if self._terminal:
            print(file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
