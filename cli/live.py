"""`fakesweep live`: judges what a camera or a stream shows, as it comes."""

from __future__ import annotations

import click


@click.command(name="live")
@click.argument("source", required=False, metavar="[FILE|URL]")
@click.option("--camera", type=click.IntRange(0, 63), metavar="N", help="A camera of this machine. [default: 0]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page. [default: a free one]")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Call fake from this score on, and real below.")
def command(source: str | None, *, camera: int | None, port: int, threshold: float | None) -> None:
    """Judge what a camera or a stream shows, as it comes.

    Draws boxes and scores into the picture, on a page that this machine alone can open, and says once a second on the
    terminal what it sees. Pictures are judged at the rate that the machine allows; what comes meanwhile is dropped, so
    that it never lags behind. Nothing is kept. Ctrl-C, or the end of the source, ends it.

    A URL may be rtsp://, rtsps://, http:// or https://: it is opened because you name it, and nothing else ever is.

    \b
    Examples:
      fakesweep live
      fakesweep live --camera 1
      fakesweep live rtsp://192.0.2.7/stream
      fakesweep live interview.mp4 --threshold 0.9
    """
    from cli.live_view import show_live
    from worker.live_source import camera_source, named_source

    if source is not None and camera is not None:
        raise click.UsageError("--camera and a file or URL are two sources: name one")
    found = camera_source(camera or 0) if source is None else named_source(source)
    show_live(found, port=port, threshold=threshold)
