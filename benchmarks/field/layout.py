"""The layout of a folder of field pictures: the truth is in each file's name.

`singles/SOURCE/TRUTH_n.*` holds one digit each, cut close to it where SOURCE begins with `tight-`;
`pages/SOURCE/TRUTH_n.*` holds numbers: blanks stand between the numbers of a line, `-` between lines. The source
`pages/orand` holds cheque amounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from numbre_runtime.errors import DataError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
_TIGHT = "tight-"
_CHEQUES = "orand"


@dataclass(frozen=True)
class FieldPicture:
    """A picture and what it shows."""

    path: Path
    """The file."""
    source: str
    """The folder that it is in: one writer, or one project."""
    truth: str
    """What it shows: a digit, or a page's text with one line of the page in each line."""


@dataclass(frozen=True)
class Field:
    """All pictures of a folder, by kind, in the order of their names."""

    singles: list[FieldPicture]
    """One digit with some paper around it."""
    tight: list[FieldPicture]
    """One digit that fills its picture."""
    pages: list[FieldPicture]
    """Numbers and pages."""
    cheques: list[FieldPicture]
    """Cheque amounts."""


def read_field(directory: Path) -> Field:
    """Lists the pictures of a folder; none is opened.

    Raises:
        DataError: There are none, or a name does not tell the truth.
    """
    singles = _pictures(directory / "singles")
    pages = _pictures(directory / "pages")
    if not singles and not pages:
        raise DataError(f"{directory}: no pictures; expected singles/SOURCE/DIGIT_n.png and pages/SOURCE/NUMBER_n.png")
    for picture in singles:
        if not (len(picture.truth) == 1 and picture.truth.isdecimal()):
            raise DataError(f"{picture.path}: expected the name of a single digit's file to begin with DIGIT_")
    return Field(
        [picture for picture in singles if not picture.source.startswith(_TIGHT)],
        [picture for picture in singles if picture.source.startswith(_TIGHT)],
        [picture for picture in pages if picture.source != _CHEQUES],
        [picture for picture in pages if picture.source == _CHEQUES],
    )


def _pictures(directory: Path) -> list[FieldPicture]:
    files = sorted(path for path in directory.glob("*/*") if path.suffix.lower() in _SUFFIXES)
    return [FieldPicture(path, path.parent.name, _truth(path)) for path in files]


def _truth(path: Path) -> str:
    name, mark, _ = path.stem.rpartition("_")
    if not mark or not name:
        raise DataError(f"{path}: expected a name TRUTH_n{path.suffix}")
    return name.replace("-", "\n")
