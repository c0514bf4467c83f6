"""The pictures that a command's words stand for: files, folders, standard input and data URIs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from numbre_runtime.errors import ImageError

if TYPE_CHECKING:
    from numbre_runtime.pictures.picture import PictureSource

_INPUT_LIMIT = 100_000_000
"""Most bytes on standard input."""
_SHOWN_URI = 40
"""As many characters of a data URI are its name in messages and answers."""


class Input(NamedTuple):
    """Something that a command reads."""

    name: str
    """What answers and messages call it: its path, "-", the beginning of its data URI, or FILE#ROW."""
    load: Callable[[], PictureSource]
    """Gives it; raises ImageError where that is not possible."""


def picture_inputs(words: Iterable[str], glob: str | None = None) -> Iterator[Input]:
    """The pictures that words stand for, in order.

    Args:
        words: Paths of files or folders, "-" for standard input, or data URIs (RFC 2397).
        glob: A pattern of the names that a folder's files must have, or, with a slash in it, their paths from the
            folder on; None takes every file with a picture's ending.
    """
    for word in words:
        if word == "-":
            yield Input(word, standard_input)
        elif word[:5].lower() == "data:":
            yield Input(word if len(word) <= _SHOWN_URI else f"{word[:_SHOWN_URI]}…", partial(_from_uri, word))
        elif os.path.isdir(word):  # noqa: PTH112
            yield from _folder(word, glob)
        else:
            yield Input(word, partial(_same, word))


def _folder(folder: str, glob: str | None) -> Iterator[Input]:
    from fnmatch import fnmatch

    from numbre_runtime.pictures.listing import pictures_in

    def matches(path: str) -> bool:
        inside = os.path.relpath(path, folder)
        return fnmatch(inside if "/" in str(glob) else os.path.basename(path), str(glob))  # noqa: PTH119

    found = False
    for path in pictures_in(folder) if glob is None else pictures_in(folder, matches):
        found = True
        yield Input(path, partial(_same, path))
    if not found:
        kind = "pictures" if glob is None else f"files like {glob}"
        yield failing(folder, f"a folder without {kind}")


def _same(path: str) -> str:
    return path


def failing(name: str, reason: str) -> Input:
    """An input that cannot be read."""
    return Input(name, partial(_fail, f"{name}: {reason}"))


def _fail(reason: str) -> NoReturn:
    raise ImageError(reason)


class _NamedBytes(io.BytesIO):
    """Bytes with a name for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def standard_input() -> _NamedBytes:
    """All that comes on standard input.

    Raises:
        ImageError: Nothing comes, or too much, or standard input is a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ImageError("-: standard input is a terminal; send a picture there, as in: numbre-predict - < digit.png")
    content = sys.stdin.buffer.read(_INPUT_LIMIT + 1)
    if not content:
        raise ImageError("-: standard input is empty")
    if len(content) > _INPUT_LIMIT:
        raise ImageError(f"-: more than {_INPUT_LIMIT:,} bytes on standard input")
    return _NamedBytes(content, "-")


def _from_uri(uri: str) -> _NamedBytes:
    """The content of a data URI, such as browsers copy: data:image/png;base64, and the file in base64."""
    import base64
    import binascii
    from urllib.parse import unquote_to_bytes

    head, comma, content = uri.partition(",")
    name = f"{uri[:_SHOWN_URI]}…"
    if not comma:
        raise ImageError(f"{name}: a data URI without a comma; expected data:image/png;base64,…")
    if head.lower().endswith(";base64"):
        try:
            decoded = base64.b64decode(unquote_to_bytes(content), validate=True)
        except binascii.Error as cause:
            raise ImageError(f"{name}: its base64 is damaged or cut short ({cause})") from cause
    else:
        decoded = unquote_to_bytes(content)
    if not decoded:
        raise ImageError(f"{name}: a data URI without content")
    return _NamedBytes(decoded, name)
