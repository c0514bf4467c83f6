"""`numbre-deploy`: a bundle to boards over ssh; its first word may be one of the commands in `deployed.py`."""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from numbre_runtime.bundle import bundle_path, read_bundle
from numbre_runtime.cache import cache_directory
from numbre_runtime.cli.common import EXIT_ERROR, EXIT_OK, Parser, run_command
from numbre_runtime.cli.deployed import COMMANDS, add_boards, chosen_boards, run_word, word_parser
from numbre_runtime.cli.rollout_view import rollout_view
from numbre_runtime.deploy.board_list import ENGINES
from numbre_runtime.deploy.board_session import BoardFacts, MissedBoundError
from numbre_runtime.deploy.budgets import Budgets, parse_size, parse_time
from numbre_runtime.deploy.deployment import Deployed, Destination, Wishes, deploy
from numbre_runtime.deploy.rollout import FAILED, LEFT, MISSED, OFF, BoardOutcome, Waves, rollout
from numbre_runtime.deploy.rollout_report import report_html, report_json
from numbre_runtime.deploy.service_unit import ServiceUnit
from numbre_runtime.errors import DataError
from numbre_runtime.files import check_output, read_limited, write_atomic
from numbre_runtime.remote.wheelhouse import download_wheels

_PORT = 8000
_gathering = threading.Lock()
"""Boards of one kind share a folder of wheels."""
_LARGEST_TEXT = 1 << 20
_MOST_AT_ONCE = 256


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-deploy",
        description="Puts a bundle to work on boards over ssh: checked there, switched in one step, taken back if it "
        "does not answer as it should. Running it again changes nothing.",
        examples=(
            "numbre-deploy build/numbre-int8 pi@raspberrypi.local",
            "numbre-deploy build/numbre-int8 --boards boards.toml --service user --max-p99 5ms",
            "numbre-deploy rollback pi@raspberrypi.local",
        ),
        commands={"on boards that have releases": COMMANDS},
        epilog="Exit code 3: a release failed a check on a board or missed a bound there; the board keeps what it had.",
    )
    result.add_argument("bundle", metavar="BUNDLE", help="a bundle's directory, or the name of one that ships")
    add_boards(result)
    _add_bounds(result)
    _add_environment(result)
    _add_service(result)
    _add_fleet(result)
    result.add_argument(
        "--allowed-signers",
        type=Path,
        metavar="FILE",
        help="take only a bundle that one of these has signed, see ssh-keygen(1)",
    )
    result.add_argument("--allow-downgrade", action="store_true", help="take a release that a later one had replaced")
    return result


def _add_bounds(result: Parser) -> None:
    group = result.add_argument_group("what a release has to keep on each board")
    group.add_argument("--max-p99", metavar="TIME", help="99th percentile of one image, such as 5ms")
    group.add_argument("--max-rss", metavar="SIZE", help="most memory of a process with it, such as 80MB")
    group.add_argument("--min-accuracy", type=float, metavar="X", help="on the bundle's test data, 0–1")


def _add_environment(result: Parser) -> None:
    group = result.add_argument_group("the environment on the boards")
    group.add_argument("--engine", choices=ENGINES, help="(default: litert on 64-bit boards, else none: NumPy alone)")
    group.add_argument(
        "--extra",
        action="append",
        default=[],
        choices=("heif", "photo", "serve"),
        help="install this extra too; repeat it for several (with --service: serve)",
    )
    source = group.add_mutually_exclusive_group()
    source.add_argument("--offline", action="store_true", help="gather the wheels here, for boards without a network")
    source.add_argument("--wheels", type=Path, metavar="DIR", help="the same, from a folder of wheels")
    group.add_argument("--constraints", type=Path, metavar="FILE", help="a pip constraints file for the boards")


def _add_service(result: Parser) -> None:
    group = result.add_argument_group("the service")
    group.add_argument("--service", choices=("user", "system"), help="write, start and enable numbre-serve in systemd")
    group.add_argument("--service-name", default="numbre", metavar="NAME", help="its name (default: %(default)s)")
    group.add_argument("--address", default="127.0.0.1", help="where it listens (default: %(default)s)")
    group.add_argument(
        "--port",
        type=int,
        metavar="N",
        help=f"its port (default: {_PORT}); without --service that of a service of your own, which serves 'current'",
    )
    group.add_argument("--model", default="", metavar="NAME", help="its name in requests (default: the bundle's)")
    group.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds that it has to be ready (default: 30)"
    )
    group.add_argument("--shadow", action="store_true", help="run beside the current release until it is promoted")


def _add_fleet(result: Parser) -> None:
    group = result.add_argument_group("many boards")
    group.add_argument(
        "--canary", type=int, default=1, metavar="N", help="boards that have to succeed first (default: %(default)s)"
    )
    group.add_argument("--wave", default="10%", metavar="N|P%%", help="boards of each wave after them (default: 10%%)")
    group.add_argument(
        "--parallel", type=int, default=10, metavar="N", help="boards at the same time (default: %(default)s)"
    )
    group.add_argument(
        "--watch", type=float, default=10.0, metavar="S", help="watch the canaries' errors so long (default: 10)"
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="write what was done as JSON")
    group.add_argument("--report", type=Path, metavar="FILE.html", help="write it as a page")


def run(args: argparse.Namespace) -> int:
    """Deploys to all boards, and prints a line for each."""
    boards, waves = chosen_boards(args), _waves(args)
    for path in (args.json, args.report):
        if path is not None:
            check_output(path, [bundle_path(args.bundle), *([args.boards] if args.boards else [])])
    wishes = _wishes(args)
    waves.size(len(boards))
    places = dict.fromkeys(board.bundle or bundle_path(args.bundle) for board in boards)
    bundles = {place: read_bundle(place) for place in places}

    def deploy_one(board: Destination, told: Callable[[str], None]) -> Deployed:
        return deploy(board, bundles[board.bundle or bundle_path(args.bundle)], wishes, told)

    port = args.port or (_PORT if args.service else None)
    with rollout_view([board.host.name for board in boards], args.quiet) as told:
        outcomes = rollout(boards, deploy_one, waves, port, told)
    for outcome in outcomes:
        print(_line(outcome))
    if args.json is not None:
        write_atomic(args.json, report_json(outcomes))
    if args.report is not None:
        write_atomic(args.report, report_html(outcomes, f"Rollout of {bundle_path(args.bundle).name}"))
    return _exit_code(outcomes)


def _waves(args: argparse.Namespace) -> Waves:
    if not 0 <= args.canary <= 10_000:
        raise DataError(f"--canary {args.canary}: expected 0 to 10,000")
    if not 1 <= args.parallel <= _MOST_AT_ONCE:
        raise DataError(f"--parallel {args.parallel}: expected 1 to {_MOST_AT_ONCE}")
    for name in ("watch", "timeout"):
        if not 0 <= getattr(args, name) <= 86_400:
            raise DataError(f"--{name} {getattr(args, name):g}: expected 0 to 86,400 seconds")
    return Waves(args.canary, args.wave, args.parallel, args.watch)


def _wishes(args: argparse.Namespace) -> Wishes:
    if args.port is not None and not 1 <= args.port <= 65535:
        raise DataError(f"--port {args.port}: expected 1 to 65535")
    if args.min_accuracy is not None and not 0 <= args.min_accuracy <= 1:
        raise DataError(f"--min-accuracy {args.min_accuracy:g}: expected 0 to 1")
    budgets = Budgets(
        None if args.max_p99 is None else parse_time(args.max_p99),
        None if args.max_rss is None else parse_size(args.max_rss),
        args.min_accuracy,
    )
    service = None
    if args.service is not None:
        service = ServiceUnit(args.service, args.service_name, args.port or _PORT, args.address, args.model)
    constraints, signers = (
        None if path is None else read_limited(path, _LARGEST_TEXT, DataError).decode("utf-8", "replace")
        for path in (args.constraints, args.allowed_signers)
    )
    if args.wheels is not None and not args.wheels.is_dir():
        raise DataError(f"--wheels {args.wheels}: no such folder")
    return Wishes(
        budgets,
        service,
        args.port,
        args.model,
        args.timeout,
        constraints,
        functools.cache(_gathered(args)),
        args.allow_downgrade,
        signers,
        tuple(args.extra),
        args.shadow,
    )


def _gathered(args: argparse.Namespace) -> Callable[[BoardFacts, tuple[str, ...]], Path | None]:
    """A function that gives the folder of wheels for a board; None leaves them to the board's pip."""

    def gather(facts: BoardFacts, extras: tuple[str, ...]) -> Path | None:
        if not args.offline:
            wheels: Path | None = args.wheels
            return wheels
        python = ".".join(facts.python.split(".")[:2])
        minor = facts.glibc.partition(".")[2]
        # A 32-bit Python under a 64-bit kernel.
        machine = "armv7l" if (facts.machine, facts.bits) == ("aarch64", 32) else facts.machine
        if not minor.isdigit():
            raise DataError("--offline: the board's C library is not glibc; name a folder of wheels with --wheels")
        folder = (
            (cache_directory() or Path(tempfile.mkdtemp())) / "wheels" / "-".join((machine, python, minor, *extras))
        )
        with _gathering:
            download_wheels(machine, python, int(minor), extras, folder)
        return folder

    return gather


def _line(outcome: BoardOutcome) -> str:
    done, host = outcome.deployed, outcome.board.host.name
    if done is None or outcome.state in (MISSED, FAILED):
        return f"{host}: {outcome.state}: {outcome.message.removeprefix(f'{host}: ')}"
    note = f" ({outcome.message})" if outcome.message else ""
    if not done.changed:
        return f"{host}: {done.release} is current, nothing to do{note}"
    return f"{host}: {done.release} is current, {done.sent_bytes / 1e6:.2f} MB sent, {done.seconds:.1f} s{note}"


def _exit_code(outcomes: Sequence[BoardOutcome]) -> int:
    states = {outcome.state for outcome in outcomes}
    if MISSED in states:
        return MissedBoundError.exit_code
    return EXIT_ERROR if states & {OFF, FAILED, LEFT} else EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS:
        return run_command(word_parser(words[0]), lambda args: run_word(words[0], args), words[1:])
    return run_command(parser(), run, words)


if __name__ == "__main__":
    sys.exit(main())
