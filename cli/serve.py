"""`fakesweep serve`: the web application."""

from __future__ import annotations

import click


@click.command(name="serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free one.")
@click.option(
    "--workers", type=click.IntRange(0), help="Videos at once. [default: one per core; 0 with a broker of yours]"
)
@click.option("--token-always", is_flag=True, help="Ask for a token even on this machine alone.")
@click.option(
    "--live",
    "live",
    multiple=True,
    metavar="[NAME=]SOURCE",
    help="A camera's number, a stream's URL or a file to show.",
)
@click.option("--open", "opens_browser", is_flag=True, help="Open the first page in a browser.")
def command(
    *, host: str, port: int, workers: int | None, token_always: bool, live: tuple[str, ...], opens_browser: bool
) -> None:
    """Serve the web application and its HTTP API.

    With the embedded broker it starts broker, sweeps and a worker by itself: nothing else need run. With a broker of
    yours it serves, and workers judge elsewhere. Beyond this machine's own address it needs a token: make one with
    `fakesweep tokens create` first. Ctrl-C ends it; what was under way is given back.

    Whoever may read can watch the sources that --live names, and no others; each is read while somebody watches.

    \b
    Examples:
      fakesweep serve
      fakesweep serve --port 9000 --open
      fakesweep serve --live Desk=0 --live "Gate=rtsp://192.0.2.7/stream"
      FAKESWEEP_ROOTS=/srv/videos fakesweep serve --host 0.0.0.0
    """
    from cli.serving import Wish, serve

    serve(Wish(host, port, workers=workers, token_always=token_always, live=live, opens_browser=opens_browser))
