"""`fakesweep webhooks`: who is told when a batch ends or a fake is found."""

from __future__ import annotations

import re

import click

from cli.options import json_option
from cli.rendering.output import STDOUT, open_output

EVENTS = ("batch.ended", "video.fake")


@click.group(name="webhooks")
def command() -> None:
    """Name addresses that are told when a batch ends or a fake is found.

    `fakesweep serve` and `fakesweep scheduler` tell them, again and again until they answer.

    \b
    Examples:
      fakesweep webhooks add https://example.org/hook --secret-env HOOK_SECRET
      fakesweep webhooks list
      fakesweep webhooks remove 2
    """


@command.command()
@click.argument("url")
@click.option("--secret-env", required=True, metavar="NAME", help="The variable whose value signs what is sent.")
@click.option("--events", default=",".join(EVENTS), show_default=True, metavar="EVENT[,EVENT]", help="What it is told.")
def add(url: str, secret_env: str, events: str) -> None:
    """Add an address.

    What is sent is JSON, signed by HMAC-SHA256 in the header X-Fakesweep-Signature. The secret stays in the environment
    of the process that sends. Private and local addresses are refused unless FAKESWEEP_PRIVATE_WEBHOOKS is on.

    \b
    Examples:
      fakesweep webhooks add https://example.org/hook --secret-env HOOK_SECRET --events video.fake
    """
    from urllib.parse import urlsplit

    from cli.opening import opened_database
    from db.notices import add_webhook

    wanted = [event.strip() for event in events.split(",") if event.strip()]
    unknown = sorted(set(wanted) - set(EVENTS))
    if unknown or not wanted:
        raise click.UsageError(f"--events must be some of {', '.join(EVENTS)}, got {', '.join(unknown) or 'none'}")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", secret_env):
        raise click.UsageError(f"--secret-env must be the name of a variable, got {secret_env!r}")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None or not url.isprintable() or " " in url:
        raise click.UsageError(f"URL must be like https://example.org/hook, got {url!r}")
    with opened_database() as database, database.begin() as session:
        webhook_id = add_webhook(session, url=url, events=wanted, secret_env=secret_env)
    click.echo(f"Webhook {webhook_id} is told of {', '.join(wanted)} from now on.", err=True)


@command.command(name="list")
@json_option
def list_(json_file: str | None) -> None:
    """List the addresses."""
    from cli.opening import opened_database
    from cli.rendering.report_json import write_json
    from db.notices import list_webhooks
    from worker.safe_text import safe_text

    with opened_database() as database, database.read() as session:
        found = list_webhooks(session)
    if json_file:
        with open_output(json_file) as stream:
            write_json({"webhooks": [vars(one) for one in found]}, stream)
    if json_file == STDOUT:
        return
    for one in found:
        click.echo(safe_text(f"{one.id}  {one.url}  {', '.join(one.events)}  signed by {one.secret_env}"))
    if not found:
        click.echo("There is no webhook yet: `fakesweep webhooks add URL --secret-env NAME` adds one.", err=True)


@command.command()
@click.argument("webhook_id", type=click.IntRange(1), metavar="ID")
def remove(webhook_id: int) -> None:
    """Forget an address, and what it was still to be told. ID is the number that `list` shows."""
    from cli.opening import opened_database
    from db.notices import remove_webhook

    with opened_database() as database, database.begin() as session:
        is_removed = remove_webhook(session, webhook_id)
    if not is_removed:
        raise click.ClickException(f"there is no webhook {webhook_id}: see `fakesweep webhooks list`")
    click.echo(f"Webhook {webhook_id} is forgotten.", err=True)
