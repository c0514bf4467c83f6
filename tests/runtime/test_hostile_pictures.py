"""Pictures that keep a decoder busy, take memory or raise what Pillow raises: refused before the work."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from numbre_runtime.errors import ImageError
from numbre_runtime.pictures.metered_file import LARGEST_HEAD, MOST_HEAD_READS, MOST_PLAIN_COMMENTS, MeteredFile
from numbre_runtime.pictures.picture import orientation, upright, with_picture

_PROCESSOR_SECONDS = 5.0
"""The bound that docs/security.md's limits are made for."""


def _encoded(format_name: str, size: tuple[int, int] = (28, 28), mode: str = "L", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, 200 if mode == "L" else 0).save(stream, format_name, **options)
    return stream.getvalue()


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(kind: bytes, count: int) -> bytes:
    plain = _encoded("PNG")
    return plain[:33] + _chunk(kind) * count + plain[33:]


def _gif(block: bytes) -> bytes:
    plain = _encoded("GIF", mode="P")
    image = plain.index(b",", 13)
    return plain[:image] + block + plain[image:]


def _many_scans(count: int) -> bytes:
    plain = _encoded("JPEG", (5000, 5000), progressive=True)
    scan = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[scan:-2] * count + plain[-2:]


def _many_strips(count: int) -> bytes:
    tags = {256: 1, 257: count, 258: 8, 259: 1, 262: 1, 278: 1}
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    lists = {273: start, 279: start + 4 * count}
    entries = [(tag, 1, value) for tag, value in tags.items()] + [(tag, count, value) for tag, value in lists.items()]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", tag, 4, number, value) for tag, number, value in sorted(entries))
    return head + struct.pack("<I", 0) + struct.pack("<I", start) * count + struct.pack("<I", 1) * count


HOSTILE: dict[str, Callable[[], bytes]] = {
    "png chunks": lambda: _png(b"abCd", 100_000),
    "png image parts": lambda: _png(b"IDAT", 200_000),
    "jpeg comments": lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 200_000 + _encoded("JPEG")[2:],
    "jpeg fill bytes": lambda: b"\xff\xd8" + b"\xff" * 500_000 + _encoded("JPEG")[2:],
    "jpeg scans": lambda: _many_scans(4000),
    "jpeg scans in a small file": lambda: _many_scans(1000),
    "gif comment": lambda: _gif(b"!\xfe" + (b"\xff" + b"a" * 255) * 20_000 + b"\0"),
    "gif extensions": lambda: _gif(b"!\xfe\1a\0" * 200_000),
    "tiff strips": lambda: _many_strips(1_000_000),
    "pgm comments": lambda: b"P5\n" + b"#\n" * 500_000 + b"10 10 255\n" + bytes(100),
    "pbm comments": lambda: b"P1\n10 10\n" + b"#\n" * 500_000 + b"0 " * 100,
    "one long comment": lambda: b"P5\n#" + b"a" * 2_000_000 + b"\n10 10 255\n" + bytes(100),
}


def _load(picture: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    picture.load()
    return size


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("in_memory", [False, True])
def test_it_is_refused_before_the_work(tmp_path: Path, name: str, in_memory: bool) -> None:
    content = HOSTILE[name]()
    (tmp_path / "picture").write_bytes(content)
    start = time.process_time()
    with pytest.raises(ImageError):
        with_picture(content if in_memory else tmp_path / "picture", _load)
    assert time.process_time() - start < _PROCESSOR_SECONDS


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
        ("WEBP", {}),
    ],
)
def test_a_large_photo_of_noise_is_read(format_name: str, options: dict[str, Any], tmp_path: Path) -> None:
    side = 1200
    noise = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    Image.fromarray(noise).save(tmp_path / "picture", format_name, **options)
    assert with_picture(tmp_path / "picture", _load) == (side, side)


def _metered(size: int = 100, head: bytes = b"") -> MeteredFile:
    return MeteredFile(io.BytesIO(head + bytes(size)))


def test_the_bounds_of_a_head_are_exact() -> None:
    file = _metered(MOST_HEAD_READS + 1)
    for _ in range(MOST_HEAD_READS):
        file.read(1)
    with pytest.raises(ValueError, match="too many pieces"):
        file.read(1)
    file = _metered(LARGEST_HEAD + 10)
    assert len(file.read(LARGEST_HEAD)) == LARGEST_HEAD
    with pytest.raises(ValueError, match="too many bytes"):
        file.read(1)
    with pytest.raises(ValueError, match="too many bytes"):
        _metered(LARGEST_HEAD + 1).read()


def test_the_bound_of_comments_is_exact() -> None:
    _metered(head=b"P2" + b"#" * MOST_PLAIN_COMMENTS)
    with pytest.raises(ValueError, match="comments"):
        _metered(head=b"P2" + b"#" * (MOST_PLAIN_COMMENTS + 1))


@pytest.mark.parametrize("place", [0, (1 << 20) - 1, (1 << 20) - 2, 1 << 20])
def test_marks_are_counted_across_blocks(place: int) -> None:
    content = bytearray(3 << 20)
    content[place : place + 2] = b"\xff\xda"
    assert MeteredFile(io.BytesIO(content)).count(b"\xff\xda") == 1


@pytest.mark.parametrize("stored", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(stored: int) -> None:
    from PIL import ImageOps

    picture = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    exif = Image.Exif()
    exif[0x0112] = stored
    stream = io.BytesIO()
    picture.save(stream, "PNG", exif=exif)
    with Image.open(stream) as opened:
        assert orientation(opened) == stored
        np.testing.assert_array_equal(upright(opened, stored), ImageOps.exif_transpose(opened))


@pytest.mark.parametrize("stored", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(stored: int) -> None:
    picture = Image.new("L", (2, 3))
    picture.getexif()[0x0112] = stored
    assert orientation(picture) == 1
    assert upright(picture, orientation(picture)).size == (2, 3)
