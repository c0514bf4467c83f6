"""`numbre-serve`: the HTTP service."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import bundle_path, shipped_bundles
from numbre_runtime.cli.common import EXIT_INTERRUPTED, EXIT_OK, Parser, run_command
from numbre_runtime.errors import ServeError


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-serve",
        description="Answers images over HTTP by the Open Inference Protocol, and shows a page to draw digits on.",
        examples=("numbre-serve", "numbre-serve --bundle meter=/srv/bundles/meter --host 0.0.0.0 --port 80"),
        epilog="SIGHUP reads every bundle again; SIGTERM answers the requests under way and ends.",
    )
    result.add_argument(
        "--bundle",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a bundle and the name that requests use for it; repeat it for several (default: those that ship)",
    )
    result.add_argument(
        "--shadow",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a bundle that gets the requests of the one of that name too, is compared with it, and never answers",
    )
    result.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0: all (default: %(default)s)")
    result.add_argument("--port", type=int, default=8000, help="port; 0: a free one (default: %(default)s)")
    result.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the engine (default: 1)")
    result.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another name that requests may call it by"
    )
    result.add_argument(
        "--queue", type=int, default=64, metavar="N", help="inference requests that may wait (default: %(default)s)"
    )
    result.add_argument(
        "--connections", type=int, default=128, metavar="N", help="connections at the same time (default: %(default)s)"
    )
    result.add_argument("--batch", action="store_true", help="join single images that wait into one call of the engine")
    return result


def run(args: argparse.Namespace) -> int:
    """Serves until a signal ends it."""
    # Imported here so that the message of a missing extra is one line.
    from numbre_runtime.serve.answer_log import AnswerLog
    from numbre_runtime.serve.guards import Hosts
    from numbre_runtime.serve.listener import Listener, address_of, open_socket
    from numbre_runtime.serve.service import Service
    from numbre_runtime.serve.shadow import Shadow
    from numbre_runtime.serve.shelf import Shelf

    for name, value, most in (("queue", args.queue, 100_000), ("connections", args.connections, 100_000)):
        if not 1 <= value <= most:
            raise ServeError(f"--{name} {value}: expected 1 to {most:,}")
    if not 0 <= args.port <= 65535:
        raise ServeError(f"--port {args.port}: expected 0 to 65535")
    logging.basicConfig(format="numbre-serve: %(message)s", level=logging.WARNING)
    # A client's malformed request is the client's matter.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    with open_socket(args.host, args.port) as listening:
        with quiet_engine():
            shelf = Shelf(_bundles(args.bundle), args.threads)
            shadows = {
                name: Shadow(name, path, args.threads) for name, path in _shadows(args.shadow, shelf.names).items()
            }
        hosts = Hosts(args.host, args.allow_host)
        service = Service(shelf, hosts, args.queue, args.batch, AnswerLog(shadows))
        listener = Listener(service, listening, args.connections)
        for model in shelf.models:
            print(f"{model.name}: {model.classifier.artifact.file}, {model.classifier.backend}")
        print(f"serving at {address_of(listening)}", flush=True)
        if not hosts.loopback:
            print(
                "everyone who reaches this machine can use it, and read along: there is no password and no encryption; "
                "browsers refuse the camera without HTTPS",
                flush=True,
            )
        listener.serve_until_signal()
    return EXIT_INTERRUPTED if listener.interrupted else EXIT_OK


def _bundles(words: Sequence[str]) -> dict[str, Path]:
    """Name to directory of the bundles to serve.

    Raises:
        ServeError: A name comes twice.
    """
    if not words:
        return {path.name: path for path in shipped_bundles()}
    result: dict[str, Path] = {}
    for word in words:
        name, separator, place = word.partition("=")
        path = bundle_path(place if separator else word)
        if not separator:
            name = path.name
        if name in result:
            raise ServeError(f"two bundles of the name {name!r:.70}; give each its own, --bundle NAME=DIR")
        # Not resolved: a link may lead elsewhere later.
        result[name] = path.absolute()
    return result


def _shadows(words: Sequence[str], names: Sequence[str]) -> dict[str, Path]:
    """Name to directory of the bundles in a shadow; a directory may be missing now and come later.

    Raises:
        ServeError: No bundle of the name is served, or it has two shadows.
    """
    result: dict[str, Path] = {}
    for word in words:
        name, separator, place = word.partition("=")
        if not separator or name not in names or name in result:
            raise ServeError(f"--shadow {word:.70}: expected NAME=DIR, one for each of {', '.join(names)} at most")
        result[name] = Path(place).absolute()
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
