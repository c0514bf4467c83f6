"""The pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

PICTURES = frozenset(
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".webp",
        ".ppm",
        ".pgm",
        ".pbm",
        ".heic",
        ".heif",
        ".avif",
    )
)
"""Endings of the names of picture files, in lower case."""


def is_picture(path: str) -> bool:
    """Whether a file's name ends as a picture's does.

    Example:
        >>> is_picture("scans/IMG_0001.JPG"), is_picture("scans/notes.txt")
        (True, False)
    """
    return os.path.splitext(path)[1].lower() in PICTURES  # noqa: PTH122 - millions of paths


def pictures_in(folder: str, wanted: Callable[[str], bool] = is_picture) -> Iterator[str]:
    """The files in a folder and in the folders below it, in the order of their names.

    Links to folders are not followed, and hidden files and folders, whose names begin with a dot, are left out.

    Args:
        folder: A path.
        wanted: Says of a file's path whether the file is among them.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(here, name)  # noqa: PTH118 - millions of files
            if not name.startswith(".") and wanted(path):
                yield path
