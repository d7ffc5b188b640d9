"""Shows what `live` sees: a page on loopback with the picture, and a line a second on the terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import click

from cli.live_judging import judged_live
from cli.rendering.names import display_name
from cli.rendering.units import counted, format_score, format_time
from web.motion_jpeg import CONTENT_TYPE, part_of
from worker.settings import read_settings

if TYPE_CHECKING:
    from worker.live import LiveFrame
    from worker.live_source import LiveSource

LINE_EVERY_S = 1.0
_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>fakesweep live</title>
<style>html{background:#14171b;color:#e7eaee;font:1rem/1.5 system-ui,sans-serif}body{margin:0;padding:1rem;
text-align:center}img{max-width:100%;max-height:80vh;border-radius:.4rem}
p{color:#a0a8b2;max-width:44rem;margin:.6rem auto}</style></head>
<body><img src="/stream" alt="What the source shows, with boxes and scores">
<p>Scores are of single pictures. A verdict
is a reason to look, not a proof; <em>real</em> says no more than that nothing was found.</p></body></html>"""


def show_live(source: LiveSource, *, port: int, threshold: float | None) -> None:
    """Judges and shows until the source ends or Ctrl-C is pressed."""
    said_at = float("-inf")
    judged = judged_live(source, read_settings(), threshold=threshold)
    with served(port) as (screen, url), judged as (frames, _):
        click.echo(f"Watching {display_name(source.name)}: open {url} (Ctrl-C ends it)", err=True)
        try:
            for frame in frames:
                screen.show(frame.jpeg)
                if time.monotonic() - said_at >= LINE_EVERY_S:
                    said_at = time.monotonic()
                    click.echo(live_line(frame))
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            return
    click.echo("The source has ended.", err=True)


def live_line(frame: LiveFrame) -> str:
    """What is seen now, in one line."""
    parts = [
        format_time(frame.t_s),
        counted(frame.faces, "face"),
        f"score {format_score(frame.score)}",
        f"of late {format_score(frame.mean)} {frame.verdict or ''}".rstrip(),
        f"{frame.per_s:.1f} a second",
        f"{frame.dropped} dropped",
    ]
    return "  ".join(parts)


class Screen:
    """The latest picture, for any number of viewers; a slow one misses some."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jpeg = b""
        self._number = 0
        self._is_over = False

    def show(self, jpeg: bytes) -> None:
        """Puts a picture up."""
        with self._changed:
            self._jpeg, self._number = jpeg, self._number + 1
            self._changed.notify_all()

    def close(self) -> None:
        """Ends every viewer's stream."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def pictures(self) -> Iterator[bytes]:
        """Pictures as they come, until the end."""
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda seen=seen: self._number > seen or self._is_over)  # type: ignore[misc]  # a bound default
                if self._is_over:
                    return
                seen, jpeg = self._number, self._jpeg
            yield jpeg


@contextlib.contextmanager
def served(port: int) -> Iterator[tuple[Screen, str]]:
    """A screen on a page of this machine, and the page's address."""
    screen = Screen()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers with the page or the stream."""
            host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
            # Another name that leads here is a stranger's page reaching in.
            if host not in ("127.0.0.1", "localhost"):
                self.send_error(421)
            elif self.path == "/":
                self._answer("text/html; charset=utf-8")
                self.wfile.write(_PAGE)
            elif self.path == "/stream":
                self._answer(CONTENT_TYPE)
                # Whoever closes the page has seen enough.
                with contextlib.suppress(OSError):
                    for jpeg in screen.pictures():
                        self.wfile.write(part_of(jpeg))
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Nobody wants a line per request."""

        def _answer(self, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'")
            self.end_headers()

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise click.ClickException(f"port {port} cannot be had ({error.strerror}): name another with --port") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="live-page", daemon=True)
    thread.start()
    try:
        yield screen, f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        screen.close()
        server.shutdown()
        server.server_close()
        thread.join()
