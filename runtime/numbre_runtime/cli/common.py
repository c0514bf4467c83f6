"""What every NUMBRE command has in common: exit codes and one-line errors."""

from __future__ import annotations

import argparse
import errno
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from numbre_runtime import __version__
from numbre_runtime.cli.answers import FORMATS
from numbre_runtime.cli.streams import complain, output_failure, output_lost
from numbre_runtime.errors import ImageError, NumbreError, one_line
from numbre_runtime.text import terminal

if TYPE_CHECKING:
    from numbre_runtime.cli.inputs import Input
    from numbre_runtime.pictures.picture import PictureSource

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with `--version`, `--quiet` and `--debug`, whose help ends with examples."""

    def __init__(
        self,
        *,
        examples: Sequence[str] = (),
        commands: Mapping[str, Mapping[str, str]] | None = None,
        **options: Any,
    ) -> None:
        """Makes the parser.

        Args:
            examples: Command lines that work, each perhaps with a comment after "#".
            commands: Titles of groups to the sub-commands in them, each name with what the command does.
            options: As for `argparse.ArgumentParser`.
        """
        super().__init__(allow_abbrev=False, **options)
        self.examples = tuple(examples)
        self.commands = commands or {}
        self.add_argument("--version", action="version", version=f"%(prog)s {__version__}", help="print the version")
        self.add_argument(
            "--quiet", action="store_true", help="print results and errors only: no progress, no warnings"
        )
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def format_help(self) -> str:
        """The usual help, then the sub-commands and the examples."""
        formatter = argparse.HelpFormatter(self.prog)
        for title, commands in self.commands.items():
            formatter.start_section(title)
            formatter.add_arguments([argparse.Action([], name, help=what) for name, what in commands.items()])
            formatter.end_section()
        parts = [super().format_help(), formatter.format_help()]
        if self.examples:
            parts.append("examples:\n" + "".join(f"  {line}\n" for line in self.examples))
        return "\n".join(part for part in parts if part)

    def error(self, message: str) -> NoReturn:
        """Prints the one line and exits with 2."""
        self.exit(EXIT_ERROR, f"{self.prog}: {terminal(message)} (see {self.prog} --help)\n")


def add_picture_options(parser: Parser) -> None:
    """`--glob`, `--format` and `--json`, of the commands that read pictures."""
    parser.add_argument(
        "--glob",
        metavar="PATTERN",
        help="which files of a folder to read, as '*.jpg', or as '2026/*.jpg' by their paths (default: all pictures)",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="of the answers (default: text)")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def run_command(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], argv: Sequence[str] | None
) -> int:
    """Parses the arguments, runs the command and turns errors into one line and an exit code.

    Returns:
        What `run` returns; the exit code of an error that NUMBRE raises on purpose, 2 for one that the operating
        system reports, 130 for Ctrl-C.
    """
    held: list[str] = []
    # Held until the end, for engines load while standard error is held back; Pillow's own warnings of damaged pictures
    # repeat what the error says.
    warnings.showwarning = lambda message, *_: held.append(terminal(message))
    warnings.filterwarnings("ignore", module="PIL")
    debug = quiet = False
    try:
        args, left = parser.parse_known_args(argv)
        if left:
            # Options may stand between the pictures; this way of parsing takes longer.
            args = parser.parse_intermixed_args(argv)
        debug, quiet = bool(args.debug), bool(args.quiet)
        if quiet:
            _silence_progress()
        return _with_output(parser.prog, run(args))
    except SystemExit as done:
        return _with_output(parser.prog, done.code if isinstance(done.code, int) else EXIT_OK)
    except KeyboardInterrupt:
        if debug:
            raise
        complain(f"{parser.prog}: interrupted")
        return EXIT_INTERRUPTED
    except (NumbreError, OSError, MemoryError) as error:
        if debug:
            raise
        complain(f"{parser.prog}: {_reason(error)}")
        return error.exit_code if isinstance(error, NumbreError) else EXIT_ERROR
    finally:
        for line in dict.fromkeys(() if quiet else held):
            complain(f"{parser.prog}: {line}")


def _silence_progress() -> None:
    """Progress is what the libraries log at level INFO."""
    import logging

    logging.disable(logging.INFO)


def _with_output(prog: str, code: int) -> int:
    """The exit code of a command that has done its work: 2 if what it printed got lost."""
    failure = output_failure()
    if failure is None:
        return code
    # A reader that has gone (head, less) has seen what it wanted to see.
    if not isinstance(failure, BrokenPipeError):
        complain(f"{prog}: standard output cannot be written ({failure.strerror or one_line(failure)})")
    return code or EXIT_ERROR


def _reason(error: BaseException) -> str:
    """The error's line; of a full disk that the system gives no name for, also where temporary files go."""
    line = one_line(error)
    if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
        import tempfile

        return f"{line}; temporary files go to {terminal(tempfile.gettempdir())} (TMPDIR sets another folder)"
    return line


def for_each_input(prog: str, inputs: Iterable[Input], use: Callable[[str, PictureSource], object], debug: bool) -> int:
    """Hands each input, with its name, to `use`; a bad one is reported and the others still go on.

    Returns:
        The exit code: 2 if an input was bad.

    Raises:
        ImageError: An input is bad, and `debug` is set.
    """
    code = EXIT_OK
    for name, load in inputs:
        if isinstance(output_lost(), BrokenPipeError):
            break
        try:
            use(name, load())
        except ImageError as error:
            if debug:
                raise
            reason, named = one_line(error), terminal(name)
            complain(f"{prog}: {reason}" if reason.startswith(named) else f"{prog}: {named}: {reason}")
            code = EXIT_ERROR
    return code
