"""`numbre-deploy status`, `history`, `rollback`, `promote` and `remove`: boards that have releases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numbre_runtime.cli.common import EXIT_ERROR, EXIT_OK, Parser
from numbre_runtime.deploy.board_list import read_boards
from numbre_runtime.deploy.board_session import BoardSession, board_session
from numbre_runtime.deploy.deployment import FOLDER, Destination, check_switched, whoami
from numbre_runtime.errors import DataError, NumbreError, one_line
from numbre_runtime.remote.ssh import Host
from numbre_runtime.text import json_text, terminal

COMMANDS = {
    "status": "tells which release answers, and which others are there",
    "history": "tells what was done on a board, oldest first",
    "rollback": "goes back to the release before",
    "promote": "lets the release in the shadow answer",
    "remove": "removes all releases, environments and the service",
}
"""First word to what the command does."""


def add_boards(result: Parser) -> None:
    """HOST…, `--boards` and how the boards are reached."""
    result.add_argument("hosts", nargs="*", metavar="HOST", help="as for ssh, pi@raspberrypi.local")
    group = result.add_argument_group("the boards")
    group.add_argument("--boards", type=Path, metavar="FILE.toml", help="a file of boards instead of hosts")
    group.add_argument("--tag", action="append", default=[], metavar="WORD", help="only boards of the file with it")
    group.add_argument(
        "--ssh-option", action="append", default=[], metavar="OPTION", help="as for ssh -o, for example Port=2222"
    )
    group.add_argument("--python", metavar="PROGRAM", help="the boards' Python (default: python3)")
    group.add_argument("--folder", metavar="DIR", help=f"of the releases there (default: {FOLDER})")


def chosen_boards(args: argparse.Namespace) -> list[Destination]:
    """The boards that the arguments name.

    Raises:
        DataError: They name none, or the file cannot be read.
    """
    if bool(args.hosts) == bool(args.boards):
        raise DataError("expected boards, either HOST… or --boards FILE.toml")
    if args.boards:
        boards = read_boards(args.boards, args.tag)
    else:
        if len(set(args.hosts)) < len(args.hosts):
            raise DataError("a host is named twice")
        boards = [Destination(Host(host)) for host in args.hosts]
    return [_with_options(board, args) for board in boards]


def _with_options(board: Destination, args: argparse.Namespace) -> Destination:
    """What the command line says stands above the file."""
    host = Host(board.host.name, (*args.ssh_option, *board.host.options))
    given = {name: getattr(args, name, None) for name in ("python", "folder", "engine")}
    return board._replace(host=host, **{name: value for name, value in given.items() if value is not None})


def word_parser(word: str) -> Parser:
    """The arguments of one of the commands."""
    examples = (
        f"numbre-deploy {word} pi@raspberrypi.local",
        f"numbre-deploy {word} --boards boards.toml --tag indoors",
    )
    what = COMMANDS[word]
    result = Parser(prog=f"numbre-deploy {word}", description=f"{what[0].upper()}{what[1:]}.", examples=examples)
    add_boards(result)
    if word in ("status", "history"):
        result.add_argument("--json", action="store_true", help="print one JSON object a board")
    return result


def status_parser() -> Parser:
    """The arguments of `numbre-deploy status`."""
    return word_parser("status")


def history_parser() -> Parser:
    """The arguments of `numbre-deploy history`."""
    return word_parser("history")


def rollback_parser() -> Parser:
    """The arguments of `numbre-deploy rollback`."""
    return word_parser("rollback")


def promote_parser() -> Parser:
    """The arguments of `numbre-deploy promote`."""
    return word_parser("promote")


def remove_parser() -> Parser:
    """The arguments of `numbre-deploy remove`."""
    return word_parser("remove")


def run_word(word: str, args: argparse.Namespace) -> int:
    """Runs a command on each board in turn; a board that fails is a line on standard error."""
    run_one: Callable[[BoardSession, argparse.Namespace], str] = _RUN[word]
    code = EXIT_OK
    for board in chosen_boards(args):
        try:
            with board_session(board.host, board.folder, board.python) as session:
                print(run_one(session, args), flush=True)
        except NumbreError as cause:
            if args.debug:
                raise
            print(f"numbre-deploy: {one_line(cause)}", file=sys.stderr)
            code = max(code, cause.exit_code, EXIT_ERROR)
    return code


def _status(session: BoardSession, args: argparse.Namespace) -> str:
    state = session.ask("open", make=False)
    if args.json:
        return json_text({"host": session.host, **state})
    lines = [f"{session.host}: {_described(state, 'current')}"]
    lines += [f"  {name}: {_described(state, name)}" for name in ("previous", "shadow") if state[name]]
    others = set(state["releases"]) - {state["current"], state["previous"], state["shadow"]}
    lines += [f"  kept: {', '.join(sorted(others))}"] if others else []
    lines += [f"  {state['recovered']}"] if state["recovered"] else []
    return "\n".join(map(terminal, lines))


def _described(state: dict[str, Any], link: str) -> str:
    if state[link] is None:
        return "no release"
    record = state["releases"].get(state[link], {})
    return f"{state[link]}, {record.get('name')} {record.get('bundle')}, {record.get('time')} by {record.get('by')}"


def _history(session: BoardSession, args: argparse.Namespace) -> str:
    session.ask("open", make=False)
    entries = session.ask("history")["entries"]
    if args.json:
        return json_text({"host": session.host, "entries": entries})
    lines = [
        f"{session.host} {entry.get('time')} {entry.get('action')} {entry.get('id')} after {entry.get('before')} "
        f"by {entry.get('by')}: {entry.get('result')}"
        for entry in entries
    ]
    return "\n".join(map(terminal, lines or [f"{session.host}: nothing was deployed there"]))


def _rollback(session: BoardSession, _: argparse.Namespace) -> str:
    return _switched(session, "rollback")


def _promote(session: BoardSession, _: argparse.Namespace) -> str:
    return _switched(session, "promote")


def _switched(session: BoardSession, verb: str) -> str:
    session.ask("open", make=False)
    return terminal(f"{session.host}: {check_switched(session.host, session.ask(verb, by=whoami()))} is current")


def _remove(session: BoardSession, _: argparse.Namespace) -> str:
    session.ask("open", make=False)
    removed = session.ask("remove")["removed"]
    return terminal(f"{session.host}: {'removed' if removed else 'nothing was deployed there'}")


_RUN = {"status": _status, "history": _history, "rollback": _rollback, "promote": _promote, "remove": _remove}
