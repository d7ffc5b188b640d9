"""Runs the web application, with broker, sweeps and a worker where the installation is embedded."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from cli.beside import Pause, works_beside
from cli.crew import LocalCrew
from cli.engine import Engine, opened_engine
from cli.housekeeping import keep_house
from cli.live_sources import NamedSource, named_sources
from cli.opening import opened_database
from cli.web_doors import make_doors
from worker.logs import configure_logging
from worker.safe_text import safe_text
from worker.settings import Settings, read_settings
from worker.web_settings import is_loopback

if TYPE_CHECKING:
    import uvicorn

    from db.session import Database

_CHECK_EVERY_S = 1.0
# As many as a person's videos on one machine: the crew limits itself to the cores.
_ANY_NUMBER = 1_000_000


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    host: str
    port: int
    workers: int | None
    token_always: bool
    opens_browser: bool
    live: tuple[str, ...] = ()


def serve(wish: Wish) -> None:
    """Serves until told to stop."""
    from web.notices.notifier import Notifier

    settings = read_settings()
    sources = named_sources(wish.live)
    with opened_database(settings) as database:
        # Not before: making the tables is nobody's news.
        configure_logging(settings.log_level, line_format=settings.log_format)
        _require_token(wish, settings, database)
        with _listening(wish) as listener, opened_engine(settings, database) as engine:
            server = _make_server(wish, settings, database, engine, sources)
            with _working(wish, engine, on_defect=lambda: _stop(server)) as check:
                _announce(wish, listener)
                with Notifier(settings, database).running():
                    server.run(sockets=[listener])
                check()


def _require_token(wish: Wish, settings: Settings, database: Database) -> None:
    from db.tokens import has_usable_token

    if is_loopback(wish.host) and settings.web.url is None and not wish.token_always:
        return
    with database.read() as session:
        if has_usable_token(session):
            return
    place = wish.host if not is_loopback(wish.host) else settings.web.url or "a machine of one's own"
    raise click.ClickException(
        f"serving at {place} needs a token: make one with `fakesweep tokens create NAME --scope admin`, "
        "or leave --host at 127.0.0.1"
    )


@contextmanager
def _listening(wish: Wish) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in wish.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((wish.host.strip("[]"), wish.port))
        except OSError as error:
            raise click.ClickException(
                f"cannot listen at {wish.host} port {wish.port}: {error.strerror}: choose another --port"
            ) from error
        yield listener


def _make_server(
    wish: Wish, settings: Settings, database: Database, engine: Engine, sources: Sequence[NamedSource]
) -> uvicorn.Server:
    import uvicorn

    from web.app import make_app
    from web.connections import server_config
    from web.context import make_context

    doors = make_doors(settings, database, engine.send_or_note, sources)
    context = make_context(settings, database, doors, host=wish.host, needs_token=wish.token_always)

    class Server(uvicorn.Server):
        """Lets those go who watch, before it waits for the connections to end."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            context.events.close()
            context.live.close()
            await super().shutdown(sockets)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # Uvicorn sends itself the signal again when it has ended, and SIGTERM would end us before what we started.
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    return Server(server_config(make_app(context)))


@contextmanager
def _working(wish: Wish, engine: Engine, *, on_defect: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """On the embedded default, sweeps, judges and keeps house meanwhile.

    What it yields raises what went wrong there.
    """
    is_embedded = engine.settings.is_embedded_broker
    workers = wish.workers if wish.workers is not None or is_embedded else 0
    if not is_embedded and not workers:
        yield lambda: None
        return
    housekeeping = partial(keep_house, engine.database, engine.settings)
    with (
        engine.sweeping() as check_sweeps,
        works_beside([housekeeping], threading.Event()) as check_house,
        LocalCrew(engine.settings, most=workers) as crew,
    ):
        crew.start(for_videos=_ANY_NUMBER)

        def watch(pause: Pause) -> None:
            try:
                while not pause(_CHECK_EVERY_S):
                    check_sweeps()
                    check_house()
                    crew.check()
            except BaseException:
                on_defect()
                raise

        with works_beside([watch], threading.Event()) as check:
            yield check


def _stop(server: uvicorn.Server) -> None:
    logging.getLogger(__name__).error("stopping: the worker cannot go on")
    server.should_exit = True


def _announce(wish: Wish, listener: socket.socket) -> None:
    host = f"[{wish.host}]" if ":" in wish.host else wish.host
    url = f"http://{host}:{listener.getsockname()[1]}/"
    click.echo(safe_text(f"Serving at {url}; Ctrl-C ends it."), err=True)
    if wish.opens_browser:
        threading.Timer(1.0, webbrowser.open, [url]).start()
