"""A bucket as S3 serves it, for reading: ListObjectsV2, HeadObject and GetObject with ranges, without signatures."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_DATE = "Fri, 27 Nov 2026 12:00:00 GMT"


@contextmanager
def bucket(name: str, objects: Mapping[str, bytes]) -> Iterator[str]:
    """Serves objects, key to content, on a port of this machine; gives the endpoint's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._object()

        def do_GET(self) -> None:
            if "list-type" in parse_qs(urlsplit(self.path).query):
                self._listing()
            else:
                self._object()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def _listing(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            prefix, delimiter = asked.get("prefix", [""])[0], asked.get("delimiter", [""])[0]
            keys, folders = list[str](), set[str]()
            for key in sorted(objects):
                inner = key.removeprefix(prefix)
                if not key.startswith(prefix):
                    continue
                if delimiter and delimiter in inner:
                    folders.add(prefix + inner.split(delimiter)[0] + delimiter)
                else:
                    keys.append(key)
            entries = "".join(
                f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-27T12:00:00.000Z</LastModified>"
                f'<ETag>"{len(objects[key])}"</ETag><Size>{len(objects[key])}</Size></Contents>'
                for key in keys
            )
            entries += "".join(
                f"<CommonPrefixes><Prefix>{escape(item)}</Prefix></CommonPrefixes>" for item in sorted(folders)
            )
            text = (
                '<?xml version="1.0" encoding="UTF-8"?>'
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{name}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
                f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
            )
            self._answer(200, text.encode(), "application/xml")

        def _object(self) -> None:
            key = unquote(urlsplit(self.path).path).removeprefix(f"/{name}/")
            if key not in objects:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
                return
            content, asked = objects[key], self.headers.get("Range")
            if asked is None:
                self._answer(200, content)
                return
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, len(content) - int(last))
            end = min(int(last) + 1, len(content)) if first and last else len(content)
            self._answer(206, content[start:end], part=f"bytes {start}-{end - 1}/{len(content)}")

        def _answer(self, status: int, body: bytes, kind: str = "application/octet-stream", part: str = "") -> None:
            self.send_response(status)
            for head, value in (("Content-Type", kind), ("Last-Modified", _DATE), ("ETag", f'"{len(body)}"')):
                self.send_header(head, value)
            if part:
                self.send_header("Content-Range", part)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
