"""A binary file that bounds what a decoder written in Python does with it.

Pillow reads a file's head in Python, piece by piece: a file of many tiny pieces (empty JPEG segments, comments a byte
long, chunks without content) keeps it busy for minutes, and one piece may ask for gigabytes.
"""

from __future__ import annotations

import io
from typing import IO

MOST_HEAD_READS = 5_000
"""Most reads of a file's head; that of a photo takes some hundred."""
LARGEST_HEAD = 4 << 20
"""Most bytes of the head, in which a colour profile is the largest piece."""
LARGEST_TIFF_HEAD = 1 << 20
"""Most bytes of a TIFF file's head; its list of strips takes 40 times as much as Python's numbers."""
MOST_PLAIN_COMMENTS = 1000
"""Most comments of a plain PPM file, each of which costs a copy of all that follows."""
_READS, _BYTES_A_READ = 20_000, 256
"""While pixels are decoded, so many reads and another for so many bytes of the file."""
_BLOCK = 1 << 20


class MeteredFile(io.RawIOBase):
    """Passes on what a decoder reads, and stops it where it reads too often or too much.

    Its methods raise ValueError there.
    """

    def __init__(self, source: IO[bytes]) -> None:
        """Wraps an open file.

        Args:
            source: A binary file that can seek; it stays the caller's.
        """
        self._source = source
        start = source.tell()
        self.size = source.seek(0, io.SEEK_END)
        source.seek(start)
        self._head, self._left = True, MOST_HEAD_READS
        magic = source.read(12)
        source.seek(start)
        # A WebP file, and one that begins with a box `ftyp`, HEIC or AVIF, goes to its decoder as a whole.
        whole = magic[8:12] == b"WEBP" or magic[4:8] == b"ftyp"
        tiff = magic[:2] in (b"II", b"MM")
        self._head_bytes = 4 * self.size if whole else LARGEST_TIFF_HEAD if tiff else LARGEST_HEAD
        if magic[:2] in (b"P1", b"P2", b"P3") and self.count(b"#") > MOST_PLAIN_COMMENTS:
            raise ValueError(f"more than {MOST_PLAIN_COMMENTS} comments")

    def decode(self) -> None:
        """Says that the head has been read and that pixels come next."""
        self._head, self._left = False, _READS + self.size // _BYTES_A_READ

    def release(self) -> None:
        """Closes the wrapped file, too."""
        self._source.close()
        self.close()

    def count(self, mark: bytes) -> int:
        """How often some bytes occur in the file; where it stands does not change."""
        place = self._source.tell()
        self._source.seek(0)
        found, rest = 0, b""
        while block := self._source.read(_BLOCK):
            joined = rest + block
            found += joined.count(mark)
            rest = joined[len(joined) - len(mark) + 1 :]
        self._source.seek(place)
        return found

    def read(self, size: int = -1, /) -> bytes:
        """Reads up to `size` bytes, all of them where it is negative."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("a file of too many pieces")
        if self._head:
            self._head_bytes -= min(size, self.size) if size >= 0 else self.size
            if self._head_bytes < 0:
                raise ValueError("a head of too many bytes")
        return self._source.read(size)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fills a buffer."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, place: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to a place."""
        return self._source.seek(place, whence)

    def tell(self) -> int:
        """Where it stands."""
        return self._source.tell()

    def fileno(self) -> int:
        """The descriptor, for decoders in C that read by themselves."""
        return self._source.fileno()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True
