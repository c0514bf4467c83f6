"""`numbre COMMAND …`: one command in front of all others; `numbre predict` is `numbre-predict`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import NamedTuple

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command


class Command(NamedTuple):
    """A command that `numbre` knows, installed or not."""

    name: str
    """Its word after `numbre`, and after the hyphen of its own name."""
    what: str
    """What it does, in a few words."""
    parser: str
    """Where its parser is made, "module:function"."""
    distribution: str = "numbre-runtime"
    """The distribution that it comes with."""
    words: Mapping[str, str] = MappingProxyType({})
    """Its own sub-commands, each with where its parser is made."""


GROUPS: dict[str, tuple[Command, ...]] = {
    "read pictures": (
        Command(
            "predict", "classify pictures of one digit, or the rows of a table", "numbre_runtime.cli.predict:parser"
        ),
        Command("read", "read all numbers on pages, from a camera or a video", "numbre_runtime.cli.read:parser"),
        Command("score", "score many pictures into one table", "numbre_runtime.cli.score:parser"),
    ),
    "serve on a network": (
        Command("serve", "answer images over HTTP, and show a page to draw on", "numbre_runtime.cli.serve:parser"),
    ),
    "put to work on boards": (
        Command(
            "deploy",
            "put a bundle to work on boards over ssh, and go back",
            "numbre_runtime.cli.deploy:parser",
            words={
                word: f"numbre_runtime.cli.deployed:{word}_parser"
                for word in ("status", "history", "rollback", "promote", "remove")
            },
        ),
    ),
    "look at this machine": (
        Command("bench", "measure latency and accuracy of every file and engine", "numbre_runtime.cli.bench:parser"),
        Command(
            "doctor",
            "tell which inference engines work, and how to mend the others",
            "numbre_runtime.cli.doctor:parser",
        ),
    ),
    "make models": (
        Command(
            "train",
            "train a Keras model on labelled images",
            "numbre_train.cli.train:parser",
            "numbre",
            {word: f"numbre_train.cli.{word}:parser" for word in ("sample", "inspect", "compare", "search")},
        ),
        Command("export", "export a Keras model as a verified bundle", "numbre_export.options:parser", "numbre"),
        Command("teach", "teach a bundle new pictures", "numbre_teach.cli:parser", "numbre"),
        Command("check", "tell whether a runtime runs a bundle's files", "numbre_export.check_cli:parser", "numbre"),
    ),
}
"""All commands, in the groups of the help."""


def parser() -> Parser:
    """The arguments of `numbre` itself; its help lists the commands in groups."""
    installed = installed_commands()
    result = Parser(
        prog="numbre",
        usage="%(prog)s [OPTION]… COMMAND [ARGUMENT]…",
        description="Trains small classifiers, exports them as verified TFLite and ONNX files, and runs them.",
        epilog="Each command has its own --help, and a name of its own: numbre predict is numbre-predict.",
        examples=("numbre predict digit.png", "numbre bench --bundle digits-int8"),
        commands={
            title: {
                command.name: command.what
                + ("" if command.name in installed else f" (pip install {command.distribution})")
                for command in commands
            }
            for title, commands in GROUPS.items()
        },
    )
    result.add_argument(
        "--print-completion",
        choices=("bash", "zsh"),
        metavar="SHELL",
        help="print the completion script of all commands for bash or zsh",
    )
    return result


def installed_commands() -> dict[str, EntryPoint]:
    """The entry points of the commands that are installed here, by their words after `numbre`."""
    found = entry_points(group="console_scripts")
    return {entry.name.removeprefix("numbre-"): entry for entry in found if entry.name.startswith("numbre-")}


def run(args: argparse.Namespace) -> int:
    """Prints the completion script, or the help."""
    if args.print_completion is None:
        parser().print_help()
        return EXIT_OK
    from numbre_runtime.cli.completion import completion_script

    installed = installed_commands()
    known = [command for command in _known().values() if command.name in installed]
    sys.stdout.write(completion_script(parser(), known, args.print_completion))
    return EXIT_OK


def _known() -> dict[str, Command]:
    return {command.name: command for commands in GROUPS.values() for command in commands}


def _what_is_wrong(name: str) -> str:
    """What is wrong with a first word that is no command's name here, and what to do."""
    from difflib import get_close_matches

    known = _known()
    if name in known:
        return f"{name} is not installed here; run: pip install {known[name].distribution}"
    near = get_close_matches(name, known, 1)
    return f"no command {name!r:.70}" + (f"; did you mean {near[0]}?" if near else "")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: runs the command that the first word names; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0].startswith("-"):
        return run_command(parser(), run, words)
    entry = installed_commands().get(words[0])
    if entry is None:
        parser().error(_what_is_wrong(words[0]))
    sys.argv = [f"numbre-{words[0]}", *words[1:]]
    code: int = entry.load()()
    return code


if __name__ == "__main__":
    sys.exit(main())
