"""`fakesweep tokens`: makes, lists and revokes what opens the web application."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

from cli.account import user_name
from cli.options import json_option
from cli.rendering.output import STDOUT, open_output

SCOPES = ("read", "submit", "review", "admin")

_UNITS_S = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


class Lifetime(click.ParamType[int]):
    """A time span such as 12h, 30d or 8w, in seconds."""

    name = "span"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds."""
        found = re.fullmatch(r"(\d{1,5})([hdw])", value.strip())
        if found is None or int(found[1]) == 0:
            self.fail(f"must be a span such as 12h, 30d or 8w, got {value!r}", param, ctx)
        return int(found[1]) * _UNITS_S[found[2]]


@click.group(name="tokens")
def command() -> None:
    """Make, list and revoke tokens for the web application.

    \b
    Examples:
      fakesweep tokens create dashboard --scope read --expires 90d
      fakesweep tokens list
      fakesweep tokens revoke 3
    """


@command.command()
@click.argument("name", required=False)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE[,SCOPE...]",
    help=f"What it allows, of {', '.join(SCOPES)}; admin allows all.",
)
@click.option("--expires", "lifetime_s", type=Lifetime(), metavar="SPAN", help="12h, 30d, 8w. [default: never]")
def create(name: str | None, scopes: tuple[str, ...], lifetime_s: int | None) -> None:
    """Make a token, and print it this once.

    It is written to standard output; what is stored is its hash. NAME tells people what it is for.

    \b
    Examples:
      fakesweep tokens create ci --scope submit,read --expires 30d
      fakesweep tokens create me --scope admin
    """
    from cli.opening import opened_database
    from db.tokens import add_token
    from web.identity import TOKEN_PREFIX, hash_secret, make_secret

    wanted = [scope.strip() for part in scopes for scope in part.split(",") if scope.strip()]
    unknown = sorted(set(wanted) - set(SCOPES))
    if unknown or not wanted:
        raise click.UsageError(f"--scope must be some of {', '.join(SCOPES)}, got {', '.join(unknown) or 'none'}")
    secret = TOKEN_PREFIX + make_secret()
    shown = name or user_name() or "token"
    with opened_database() as database, database.begin() as session:
        token_id = add_token(session, name=shown, sha256=hash_secret(secret), scopes=wanted, lifetime_s=lifetime_s)
    click.echo(secret)
    click.echo(f"Token {token_id} ({shown}): keep it now, it is not shown again.", err=True)


@command.command(name="list")
@json_option
def list_(json_file: str | None) -> None:
    """List the tokens, without their secrets."""
    from cli.opening import opened_database
    from cli.rendering.report_json import write_json
    from db.headers import iso_time
    from db.tokens import SCOPES as ORDER
    from db.tokens import list_tokens

    with opened_database() as database, database.read() as session:
        tokens = list_tokens(session)
    rows = [
        {
            "id": token.id,
            "name": token.name,
            "scopes": [scope for scope in ORDER if scope in token.scopes],
            "created_at": iso_time(token.created_at),
            "expires_at": iso_time(token.expires_at),
            "state": _state_of(token.revoked_at, is_usable=token.is_usable),
        }
        for token in tokens
    ]
    if json_file:
        with open_output(json_file) as stream:
            write_json({"tokens": rows}, stream)
    if json_file == STDOUT:
        return
    if not rows:
        click.echo("There is no token yet: `fakesweep tokens create NAME --scope read` makes one.", err=True)
        return
    _print(rows)


@command.command()
@click.argument("token_id", type=click.IntRange(1), metavar="ID")
def revoke(token_id: int) -> None:
    """Take a token's rights away, and sign its browsers out.

    A server notices within seconds. ID is the number that `list` shows.
    """
    from cli.opening import opened_database
    from db.tokens import revoke_token

    with opened_database() as database, database.begin() as session:
        is_revoked = revoke_token(session, token_id)
    if not is_revoked:
        raise click.ClickException(f"there is no token {token_id} to revoke: see `fakesweep tokens list`")
    click.echo(f"Token {token_id} is revoked.", err=True)


def _state_of(revoked_at: float | None, *, is_usable: bool) -> str:
    if is_usable:
        return "usable"
    return "expired" if revoked_at is None else f"revoked {datetime.fromtimestamp(revoked_at, UTC):%Y-%m-%d}"


def _print(rows: Sequence[Mapping[str, object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cli.rendering.report_table import console_for
    from worker.safe_text import safe_text

    table = Table("id", "name", "scopes", "created", "expires", "state", box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        scopes = row["scopes"]
        table.add_row(
            Text(str(row["id"])),
            Text(safe_text(str(row["name"]))),
            Text(" ".join(scopes) if isinstance(scopes, list) else ""),
            Text(str(row["created_at"])[:10]),
            Text(str(row["expires_at"] or "never")[:10]),
            Text(str(row["state"])),
        )
    console_for().print(table)
