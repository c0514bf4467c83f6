"""The completion script of `numbre`, made by shtab from the commands' own parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from numbre_runtime.errors import CompletionNotInstalledError

if TYPE_CHECKING:
    from numbre_runtime.cli.umbrella import Command

_FILES = ("IMAGE", "PHOTO", "FILE", "PATH", "ROWS")
_FOLDERS = ("DIR", "DIR|NAME", "BUNDLE", "FOLDER")
"""Metavars of the arguments that name files and folders."""


def completion_script(root: argparse.ArgumentParser, commands: Iterable[Command], shell: str) -> str:
    """The completion script of `numbre` with all its commands; for bash of the hyphenated names as well.

    Args:
        root: The parser of `numbre` itself, which is changed.
        commands: The commands to complete, which must be installed.
        shell: "bash" or "zsh".

    Raises:
        CompletionNotInstalledError: shtab, the extra `completion`, is not installed.
    """
    try:
        import shtab
    except ImportError as cause:
        raise CompletionNotInstalledError(
            f"shell completion needs shtab ({cause}); run: pip install 'numbre-runtime[completion]'"
        ) from cause

    single = []
    added = root.add_subparsers(parser_class=argparse.ArgumentParser)
    for command in commands:
        complete = _with_files(_parser_at(command.parser), shtab.FILE, shtab.DIRECTORY)
        below = complete.add_subparsers(parser_class=argparse.ArgumentParser) if command.words else None
        for word, where in command.words.items():
            if below is not None:
                part = _with_files(_parser_at(where), shtab.FILE, shtab.DIRECTORY)
                below.add_parser(word, parents=[part], add_help=False, help=part.description)
        added.add_parser(command.name, parents=[complete], add_help=False, help=command.what)
        single.append(complete)
    # A file of zsh's can only complete the command that its first line names.
    scripts = [root, *single] if shell == "bash" else [root]
    return "\n".join(shtab.complete(parser, shell=shell) for parser in scripts)


def _parser_at(where: str) -> argparse.ArgumentParser:
    module, function = where.split(":")
    result: argparse.ArgumentParser = getattr(import_module(module), function)()
    return result


def _with_files(parser: argparse.ArgumentParser, file: object, folder: object) -> argparse.ArgumentParser:
    """The parser, with shtab's marks at the arguments that name files and folders."""
    for action in parser._actions:
        if action.metavar in _FILES + _FOLDERS:
            action.complete = file if action.metavar in _FILES else folder  # type: ignore[attr-defined]
    return parser
