"""A web server on loopback that offers weights, and fails as real ones do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WeightsServer(ThreadingHTTPServer):
    """Answers with `files`, by path; the first answer ends after `breaks_after` bytes.

    Args:
        files: content by path.
        breaks_after: of the first answer; None sends everything.
        takes_ranges: whether a range that is asked for is given, instead of the whole.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], *, breaks_after: int | None, takes_ranges: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.breaks_after = breaks_after
        self.takes_ranges = takes_ranges
        self.asked: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: WeightsServer

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append((self.path, asked))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.takes_ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = self.server.breaks_after
        self.server.breaks_after = None
        self.wfile.write(content[start:stop])

    def log_message(self, *arguments: object) -> None:
        """Nothing: the test's output is its own."""


@contextmanager
def serve(
    files: dict[str, bytes], *, breaks_after: int | None = None, takes_ranges: bool = True
) -> Iterator[WeightsServer]:
    """A running server."""
    with WeightsServer(files, breaks_after=breaks_after, takes_ranges=takes_ranges) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
