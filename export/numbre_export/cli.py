"""`numbre-export --int8`: a Keras model in, a verified bundle out."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from numbre_export.c.library import write_c_library
from numbre_export.html.offline_page import write_offline_page
from numbre_export.options import formats, output_directory, page, parser, precisions
from numbre_export.pipeline import export_model
from numbre_export.verify.gate import Gate, ParityError
from numbre_export.verify.verdict import FAIL
from numbre_runtime.bundle import MANIFEST, MANIFEST_LIMIT, SIGNATURE, bundle_path, read_bundle
from numbre_runtime.cli.common import EXIT_OK, run_command
from numbre_runtime.cli.progress import progress_shown
from numbre_runtime.errors import BundleError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.signature import sign_manifest


def run(args: argparse.Namespace, given: Sequence[str]) -> int:
    """Exports, and prints the progress.

    Args:
        args: The parsed arguments.
        given: The arguments as they were given, to name the command to try next if a bound is missed.
    """
    if args.c and (args.model.suffix == ".tflite" or bundle_path(args.model).is_dir()):
        return _c_library(args)
    if args.html is not None and bundle_path(args.model).is_dir():
        return _offline_page(args)
    if args.sign is not None and bundle_path(args.model).is_dir():
        return _signature(args)
    with progress_shown("numbre_export", "numbre_train", debug=args.debug), _next_command(given):
        report = export_model(
            args.model,
            args.data,
            output_directory(args),
            precisions=precisions(args),
            formats=formats(args.format),
            gate=Gate(args.max_drop, args.max_class_drop, args.min_agreement),
            calibration=args.calibration,
            test=args.test,
            labels=args.labels,
            preprocess=args.preprocess,
            calibration_rows=args.calibration_rows,
            allow_overlap=args.allow_overlap,
            none_label=args.none_label,
            threshold=args.threshold,
            io=args.io,
            granularity=args.granularity,
            auto=args.auto,
            explain=args.explain,
            targets=args.target,
            with_test_data=args.with_test_data,
            strict=args.strict,
            force=args.force,
            c_prefix=args.c_prefix if args.c else None,
            html=page(args),
            input_shape=args.input_shape,
        )
    failed = [line for outcome in report.outcomes if outcome.verdict == FAIL for line in outcome.findings()]
    for line in failed:
        print(f"numbre-export: {line}", file=sys.stderr)
    if args.sign is not None:
        _sign(output_directory(args), args.sign)
    return ParityError.exit_code if failed else EXIT_OK


def _signature(args: argparse.Namespace) -> int:
    """Signs a finished bundle, and does nothing else."""
    path = read_bundle(bundle_path(args.model)).path
    _sign(path, args.sign)
    print(f"{path / SIGNATURE}: signed with {args.sign}")
    return EXIT_OK


def _sign(bundle: Path, key: Path) -> None:
    manifest = read_limited(bundle / MANIFEST, MANIFEST_LIMIT, BundleError)
    write_atomic(bundle / SIGNATURE, sign_manifest(manifest, key))


@contextmanager
def _next_command(given: Sequence[str]) -> Iterator[None]:
    """Adds to a missed bound the command to try next.

    Raises:
        ParityError: The same, with the command.
    """
    try:
        yield
    except ParityError as error:
        if not error.remedy:
            raise
        command = shlex.join(["numbre-export", *given, *error.remedy])
        raise ParityError(f"{error}; next, try: {command}") from error


def _c_library(args: argparse.Namespace) -> int:
    """Writes the C library of a finished model, and nothing else."""
    out = output_directory(args)
    written = write_c_library(args.model, out, prefix=args.c_prefix)
    print(
        f"{out}/: {written.constants:,} bytes of constants, a static buffer of {written.arena_bytes:,} bytes, "
        f"{written.macs:,} multiplications a run; try: make -C {out} check"
    )
    return EXIT_OK


def _offline_page(args: argparse.Namespace) -> int:
    """Writes the offline page of a finished bundle, and nothing else."""
    path = Path(args.html) if args.html else Path(f"{bundle_path(args.model).name}.html")
    write_offline_page(read_bundle(bundle_path(args.model)), path)
    print(f"{path}: {path.stat().st_size:,} bytes")
    return EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    given = sys.argv[1:] if argv is None else argv
    return run_command(parser(), lambda args: run(args, given), argv)


if __name__ == "__main__":
    sys.exit(main())
