"""`fakesweep health`: whether a part of an installation lives and can work, for containers and service managers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import click

from cli.health_parts import DEFAULT_URL, PARTS, running_parts
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from db.session import Database
    from worker.settings import Settings

_ANSWERS_WITHIN_S = 5.0


@click.command(name="health")
@click.argument("part", type=click.Choice(PARTS), required=False)
@click.option("--live", is_flag=True, help="Do not mind that broker or database are away: a restart would not help.")
@click.option("--url", show_default=DEFAULT_URL, help="Of `serve`: its address; without PART, as it was started.")
def command(part: str | None, *, live: bool, url: str | None) -> None:
    """Tell by the exit status whether a part of this installation is well.

    A worker and a scheduler on this host must have shown a sign of life of late, by the database's clock; broker and
    database must answer. `--live` asks only for the sign of life, and takes an absent database for no fault of theirs.
    Ends with status 0 or 1, and a line that says why.

    Without PART it looks after each part that runs on this machine, as a container's own check does; where there is
    none, as beside another command, all is well.

    \b
    Examples:
      fakesweep health worker
      fakesweep health scheduler --live
      fakesweep health serve --url http://127.0.0.1:8000
      fakesweep health --live
    """
    if part is not None:
        _check(part, live=live, url=url or DEFAULT_URL)
        return
    running = running_parts()
    for found in running:
        _check(found.name, live=live, url=url or found.url or DEFAULT_URL)
    if not running:
        click.echo("ok: neither worker nor scheduler nor server runs here", err=True)


def _check(part: str, *, live: bool, url: str) -> None:
    if part == "serve":
        _check_serving(url, live=live)
        click.echo("serve: ok", err=True)
        return
    from db.errors import DatabaseError
    from db.schema import check_schema
    from db.session import open_database
    from worker.settings import read_settings

    settings = read_settings()
    try:
        database = open_database(settings.effective_database_url)
        try:
            check_schema(database)
            _require_life(database, part)
        finally:
            database.dispose()
    except DatabaseError as error:
        if not live:
            raise
        click.echo(f"{part}: cannot tell: {safe_text(str(error))}", err=True)
        return
    if not live:
        _check_broker(settings)
    click.echo(f"{part}: ok", err=True)


def _require_life(database: Database, part: str) -> None:
    from db.schedulers import SCHEDULER_ALIVE_S, count_live_schedulers
    from db.workers import ALIVE_S, live_workers

    host = socket.gethostname()
    with database.read() as session:
        if part == "worker":
            count, within_s = sum(worker.host == host for worker in live_workers(session)), ALIVE_S
        else:
            count, within_s = count_live_schedulers(session, host=host), SCHEDULER_ALIVE_S
    if not count:
        raise click.ClickException(
            f"no {part} on {host} showed a sign of life within {within_s:g} s: look at its log, or start it with "
            f"`fakesweep {part}`"
        )


def _check_broker(settings: Settings) -> None:
    from worker.broker import check_broker

    # The embedded broker lives and dies with those who use it.
    if settings.broker_url is not None:
        check_broker(settings.broker_url)


def _check_serving(url: str, *, live: bool) -> None:
    from urllib.error import URLError
    from urllib.parse import urlsplit
    from urllib.request import urlopen

    if urlsplit(url).scheme not in ("http", "https"):
        raise click.UsageError(f"--url must begin with http:// or https://, got {url!r}")
    address = f"{url.rstrip('/')}/health/{'live' if live else 'ready'}"
    try:
        with urlopen(address, timeout=_ANSWERS_WITHIN_S):  # noqa: S310 - the scheme was looked at
            pass
    except (URLError, OSError, ValueError) as error:
        raise click.ClickException(f"{address} does not answer well: {error}") from error
