"""`fakesweep collect generate`: AI faces from an image API."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.collect_options import options_of
from cli.collecting import SOME_FAILED, USER_AGENT, SparseLines, face_options, target_options
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from training.collect.estimate import Estimate
    from training.collect.generation_plan import GenerateOptions
    from training.collect.image_api import ImageApi
    from training.collect.target import Target

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(exists=True, path_type=Path)
_OPENAI = "https://api.openai.com/v1"


class _Money(click.ParamType[Decimal]):
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no amount", param, ctx)
        if not (amount.is_finite() and amount >= 0):
            self.fail(f"{value!r} must not be below zero", param, ctx)
        return amount


@click.command()
@target_options
@click.option("--model", required=True, help="As the API calls it.")
@click.option("--count", type=click.IntRange(1), required=True, help="Pictures in all, those of earlier runs included.")
@click.option("--prompt", "prompts", multiple=True, metavar="TEXT", help="What to show; may be given more than once.")
@click.option("--prompts", "prompt_file", type=_FILE, help="A file with one prompt a line; # begins a comment.")
@click.option("--variations", type=_PATH, multiple=True, metavar="PATH",
              help="Vary these pictures: files, or directories of some.")  # fmt: skip
@click.option("--edits", type=_PATH, multiple=True, metavar="PATH", help="Change these pictures as the prompts say.")
@click.option("--size", default="", metavar="WxH", help="Such as 1024x1024 [default: the API's].")
@click.option("--quality", default="", help="As the API calls it [default: the API's].")
@click.option("--set", "more", multiple=True, metavar="NAME=VALUE", help="A further field of the request.")
@click.option("--per-request", type=click.IntRange(1, 10), default=1, show_default=True, help="Pictures of a request.")
@click.option("--source", default=None, help="Name of the source [default: the model's].")
@click.option("--base-url", envvar=["FAKESWEEP_IMAGE_API_URL", "OPENAI_BASE_URL"], default=_OPENAI, show_default=True,
              help="Of the API, up to and without /images.")  # fmt: skip
@click.option("--price", type=_Money(), help="Price of one picture.")
@click.option("--prices", "price_file", type=_FILE, help="A TOML file with [[price]] tables.")
@click.option("--max-cost", type=_Money(), help="Stop before the cost of all runs goes beyond this.")
@click.option("--requests-per-minute", type=click.FloatRange(0, min_open=True), help="Limit of your account.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Requests at once.")
@click.option("--retries", type=click.IntRange(0), default=5, show_default=True, help="After busy or broken answers.")
@click.option("--timeout", type=click.FloatRange(1), default=300.0, show_default=True, help="Seconds for an answer.")
@face_options
@click.option("--retry-lost", is_flag=True, help="Ask again for what was sent twice and never answered.")
@click.option("--allow-private", is_flag=True, help="Follow answers that point to private addresses.")
@click.option("--plain-http", is_flag=True, help="Send the key unencrypted to another machine.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it would cost, and end.")
@click.option("--yes", is_flag=True, help="Do not ask before the first request.")
def command(**given: Any) -> None:
    """Collect AI faces from an image API.

    The API is OpenAI's or one that speaks like it. The key is taken from FAKESWEEP_IMAGE_API_KEY or OPENAI_API_KEY in
    the environment, else from .env in the working directory; it is stored nowhere. What is to be asked for and its cost
    are shown first. Prices are yours to give: none is built in.

    \b
    Examples:
      fakesweep collect generate faces/ --model gpt-image-1 --prompts prompts.txt --count 200 --size 1024x1024
          --prices my-prices.toml --max-cost 10 --requests-per-minute 5
      fakesweep collect generate faces/ --model dall-e-2 --variations portraits/ --count 50 --prices my-prices.toml
      fakesweep collect generate faces/ --base-url http://localhost:8080/v1 --model flux --prompt "a face" --count 9
    """
    from training.collect.generation_plan import estimate_run
    from training.collect.ledger import read_ledger
    from training.collect.stores import open_store
    from training.collect.target import LEDGER, opened_target, state_folder
    from worker.settings import read_settings

    options = options_of(given)
    api = _open_api(given)
    store = open_store(given["target"], endpoint_url=given["endpoint_url"], is_anonymous=given["is_anonymous"])
    home = read_settings().home
    if given["dry_run"]:
        state = state_folder(store, home=home)
        _show(estimate_run(options, state, read_ledger(state / LEDGER)))
        return
    with opened_target(store, home=home) as target:
        todo = estimate_run(options, target.state, target.ledger.entries)
        _show(todo)
        if todo.requests:
            _confirm(todo, is_agreed=given["yes"])
        _run(options, target, api, todo, given)


def _show(todo: Estimate) -> None:
    for line in todo.lines():
        click.echo(safe_text(line), err=True)


def _run(options: GenerateOptions, target: Target, api: ImageApi, todo: Estimate, given: dict[str, Any]) -> None:
    from training.collect.addresses import AddressRule
    from training.collect.download import Downloader
    from training.collect.generate import Generation
    from training.collect.waiting import Pace

    rule = AddressRule(allow_private=given["allow_private"], trusted=frozenset({api.place}))
    pace = Pace(given["requests_per_minute"])
    run = Generation(options, target, api, Downloader(rule, USER_AGENT), pace, say=SparseLines())
    tally = run.run(todo)
    spent = "" if options.each is None else f"; spent so far: {run.spent}"
    counts = f"{tally.kept} kept, {tally.rejected} rejected, {tally.refused} refused"
    click.echo(f"{counts}, {tally.failed} failed, {tally.lost} lost{spent}")
    if tally.failed or tally.lost:
        click.echo("Run the same command again to ask for what failed.", err=True)
        raise click.exceptions.Exit(SOME_FAILED)


def _open_api(given: dict[str, Any]) -> ImageApi:
    import os

    from training.collect.image_api import ImageApi
    from training.collect.keys import KEY_VARIABLES, find_key

    key = find_key(os.environ, folder=Path.cwd())
    if key is None and given["base_url"].startswith(_OPENAI) and not given["dry_run"]:
        raise click.ClickException(f"no key: set {' or '.join(KEY_VARIABLES)}, or write one of them into .env here")
    return ImageApi(
        given["base_url"],
        key,
        timeout_s=given["timeout"],
        user_agent=USER_AGENT,
        allow_plain_http=given["plain_http"],
    )


def _confirm(todo: Estimate, *, is_agreed: bool) -> None:
    import sys

    if is_agreed:
        return
    if todo.cost is None:
        raise click.ClickException("the cost is unknown: give --price or --prices, or --yes to go on without")
    if not sys.stdin.isatty():
        raise click.ClickException("nobody is here to agree to the cost: give --yes")
    click.confirm("Go on?", abort=True, err=True)
