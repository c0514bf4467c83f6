"""`numbre-doctor`: what works on this board, and what to do about the rest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from numbre_runtime import __version__
from numbre_runtime.backends import BACKENDS
from numbre_runtime.bundle import bundle_path
from numbre_runtime.cli.common import EXIT_ERROR, EXIT_OK, Parser, run_command
from numbre_runtime.doctor.board import this_board
from numbre_runtime.doctor.bundle_findings import bundle_findings
from numbre_runtime.doctor.cures import cure
from numbre_runtime.doctor.engines import Probe
from numbre_runtime.doctor.probe import probe
from numbre_runtime.text import json_text, terminal


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-doctor",
        description="Tries every inference engine on this board, each in a process of its own, up to golden outputs.",
        epilog="Exit code 0: at least one works; with --bundle: nothing is wrong.",
        examples=("numbre-doctor", "numbre-doctor --json", "numbre-doctor --bundle build/numbre-int8"),
    )
    result.add_argument("--bundle", metavar="DIR|NAME", help="say what is wrong with this bundle instead")
    result.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    return result


def run(args: argparse.Namespace) -> int:
    """Probes every backend and says which will be used."""
    if args.bundle is not None:
        return _bundle(args)
    board = this_board()
    probes = [probe(name) for name in BACKENDS]
    used = next((found for found in probes if found.status == "works"), None)
    findings = []
    for found in probes:
        cause, advice = ("", "") if found.status == "works" else cure(found, board)
        findings.append({**found._asdict(), "cause": cause, "cure": advice})
    if args.json:
        result = {
            "numbre_runtime": __version__,
            "board": asdict(board),
            "backends": findings,
            "used": used.backend if used else None,
        }
        print(json_text(result, indent=1))
    else:
        print(f"numbre-runtime {__version__} on {terminal(board.line)}\n")
        for found, finding in zip(probes, findings, strict=True):
            print("\n".join(map(terminal, _lines(found, finding["cause"], finding["cure"]))))
        print(f"\nbackend that is used: {used.version if used else 'none works'}")
    return EXIT_OK if used else EXIT_ERROR


def _bundle(args: argparse.Namespace) -> int:
    """Says what is wrong with a bundle."""
    findings = bundle_findings(bundle_path(args.bundle))
    if args.json:
        print(json_text([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            names = " with ".join(filter(None, (finding.file, finding.backend)))
            print(terminal(": ".join(filter(None, (names, finding.problem or "works, golden outputs as at export")))))
    return EXIT_ERROR if any(finding.problem for finding in findings) else EXIT_OK


def _lines(found: Probe, cause: str, advice: str) -> list[str]:
    if found.status == "works":
        return [f"{found.backend:15}works: {found.version}, golden outputs as at export"]
    if found.status == "not installed":
        return [f"{found.backend:15}not installed" if cause == "not installed" else f"{found.backend:15}{cause}",
                f"{'':15}→ {advice}"]  # fmt: skip
    where = f" at {found.stage}" if found.stage else ""
    return [f"{found.backend:15}{found.status}{where}: {cause}", f"{'':15}→ {advice}"]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
