"""Formats that Pillow does not read by itself: HEIC and AVIF are read where a decoder is installed, others are named.

A file is told by its first bytes: HEIC and AVIF are ISO base media files (ISO/IEC 14496-12), which begin with a box
`ftyp` that names a brand.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, NamedTuple

from numbre_runtime.errors import HeifNotInstalledError, ImageError

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

HEAD = 32
"""As many first bytes of a file tell its format."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")


class _Foreign(NamedTuple):
    """A kind of file that is no picture which can be read."""

    start: bytes
    """Its first bytes."""
    what: str
    """What it is."""
    remedy: str
    """What to do with it."""


_FOREIGN = (
    _Foreign(b"%PDF", "a PDF document", "save its pages as pictures, with pdftoppm -r 200 -png FILE page"),
    _Foreign(b"%!PS", "a PostScript document", "save its pages as pictures"),
    _Foreign(b"<svg", "an SVG drawing", "save it as PNG"),
    _Foreign(b"<?xml", "an XML file, perhaps an SVG drawing", "save it as PNG"),
    _Foreign(b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture", "save it as PNG or JPEG"),
    _Foreign(b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture", "save it as PNG or JPEG"),
    _Foreign(b"\xff\x0a", "a JPEG XL picture", "save it as PNG or JPEG"),
    _Foreign(b"PK\x03\x04", "a ZIP archive or an office document", "unpack it, or save its pages as pictures"),
    _Foreign(b"\x1aE\xdf\xa3", "a video", "read it with numbre-read --video FILE"),
    _Foreign(b"RIFF", "a RIFF file, perhaps a video", "read a video with numbre-read --video FILE"),
)


def open_by_head(file: str | IO[bytes], head: bytes, name: str) -> ImageFile | None:
    """Opens a picture that Pillow does not know by itself.

    Args:
        file: A path or a binary file, as for `PIL.Image.open`.
        head: Its first `HEAD` bytes.
        name: What messages call it.

    Returns:
        The opened picture, of the format "HEIF" or "AVIF"; None if the format is not known here either.

    Raises:
        HeifNotInstalledError: It is a HEIC picture, and pillow-heif is not installed.
        ImageError: It is an AVIF picture that this Pillow does not read, or no picture but another known kind of file.
    """
    from PIL import Image

    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in _AVIF_BRANDS:
        Image.init()
        if "AVIF" not in Image.OPEN:
            raise ImageError(f"{name}: an AVIF picture, which needs Pillow 11.3 or newer; save it as PNG or JPEG")
        return Image.open(file, formats=("AVIF",))
    if brand in _HEIC_BRANDS:
        try:
            from pillow_heif import register_heif_opener
        except ImportError as cause:
            raise HeifNotInstalledError(
                f"{name}: a HEIC picture, which needs pillow-heif ({cause}); run: pip install 'numbre-runtime[heif]'"
            ) from cause
        register_heif_opener()
        return Image.open(file, formats=("HEIF",))
    if brand:
        raise ImageError(f"{name}: a video or another media file; read a video with numbre-read --video FILE")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for foreign in _FOREIGN:
        if start.startswith(foreign.start):
            raise ImageError(f"{name}: {foreign.what}, not a picture; {foreign.remedy}")
    return None


def check_single_page(picture: ImageFile, name: str) -> None:
    """Refuses a TIFF file of several pages; a second image that is a smaller copy of the first is no page.

    Raises:
        ImageError: It has several pages.
    """
    if picture.format != "TIFF" or not getattr(picture, "is_animated", False):
        return
    picture.seek(1)
    # Tag NewSubfileType, whose lowest bit says "a reduced-resolution version of another image" (TIFF 6.0, section 8).
    reduced = bool(picture.tag_v2.get(254, 0) & 1)  # type: ignore[attr-defined]
    picture.seek(0)
    if not reduced:
        raise ImageError(f"{name}: a TIFF file of several pages; save each page as a picture, with tiffsplit FILE")
