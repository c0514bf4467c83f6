"""What every NUMBRE command has in common: exit codes and one-line errors."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from numbre_runtime.errors import ImageError, NumbreError, one_line

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which knows `--debug`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> Any:
        """Prints the one line and exits with 2."""
        self.exit(EXIT_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


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
    warnings.showwarning = lambda message, *_: held.append(str(message))
    warnings.filterwarnings("ignore", module="PIL")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    args = parser.parse_args(argv)
    try:
        code = run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        if args.debug:
            raise
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; Python's own flush at exit must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except (NumbreError, OSError, MemoryError) as error:
        if args.debug:
            raise
        print(f"{parser.prog}: {one_line(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, NumbreError) else EXIT_ERROR
    finally:
        for line in dict.fromkeys(held):
            print(f"{parser.prog}: {line}", file=sys.stderr)


def for_each_picture(prog: str, pictures: Iterable[str], use: Callable[[str], object], debug: bool) -> int:
    """Hands each picture's name to `use`; a bad picture is reported and the others still go on.

    Returns:
        The exit code: 2 if a picture was bad.

    Raises:
        ImageError: A picture is bad, and `debug` is set.
    """
    code = EXIT_OK
    for picture in pictures:
        try:
            use(picture)
        except ImageError as error:
            if debug:
                raise
            print(f"{prog}: {one_line(error)}", file=sys.stderr)
            code = EXIT_ERROR
    return code
