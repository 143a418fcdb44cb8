"""A server on 127.0.0.1 that serves one file and can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.content`; breaks off after `server.cuts` bytes, refuses with the status of `server.failures`."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        if self.path == "/moved":
            return self._short(302, Location="/file")
        if self.path == "/to-file":
            return self._short(302, Location="file:///etc/passwd")
        if self.path == "/to-ftp":
            return self._short(302, Location="ftp://127.0.0.1/file")
        if self.path == "/missing":
            return self._short(404)
        if server.failures:
            return self._short(server.failures.pop(0))
        start = self._start()
        if start and start >= len(server.content):
            return self._short(416, **{"Content-Range": f"bytes */{len(server.content)}"})
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        self.wfile.write(server.content[start:][:cut])

    def _start(self) -> int:
        wanted = self.headers.get("Range")
        fresh = self.headers.get("If-Range") in (None, self.server.etag)
        return int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges and fresh else 0

    def _short(self, status, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Clients that hang up are part of the test."""


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """Serves the content at every path but the ones that misbehave; `url` has no path yet."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.content, server.etag, server.ranges = content, '"v1"', True
        server.cuts, server.failures, server.requests = [], [], []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
