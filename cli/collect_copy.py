"""`fakesweep collect copy`: labelled material from one place to another."""

from __future__ import annotations

from typing import Literal

import click

from cli.collecting import SOME_FAILED, SparseLines, target_options
from worker.safe_text import safe_text

_SHOWN = 20


@click.command()
@click.argument("origin", metavar="ORIGIN")
@target_options
@click.option("--label", type=click.Choice(["real", "fake"]), default=None,
              help="Of all files, where ORIGIN does not say.")  # fmt: skip
@click.option("--source", default=None, help="Name of the source, where ORIGIN does not say.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at once.")
@click.option("--anew", "is_anew", is_flag=True, help="Copy also what is there already with the same size.")
def command(  # noqa: PLR0913 - one argument per option
    *,
    origin: str,
    target: str,
    label: Literal["real", "fake"] | None,
    source: str | None,
    licence: str,
    concurrency: int,
    is_anew: bool,
    endpoint_url: str | None,
    is_anonymous: bool,
) -> None:
    """Copy labelled material between directories and object stores.

    ORIGIN and TARGET are directories, or URLs such as s3://bucket/prefix (`pip install 'fakesweep[collect]'`;
    credentials as for every S3 tool). What ORIGIN's manifest.csv lists is copied, else what lies below real/ and
    fake/; names that could do harm are replaced. TARGET gets a manifest.csv, or more lines in its own.

    \b
    Examples:
      fakesweep collect copy s3://my-bucket/faces faces/
      fakesweep collect copy holiday-pictures/ faces/ --label real --source my-camera
      fakesweep collect copy faces/ s3://my-bucket/faces --endpoint-url https://minio.example:9000
    """
    from training.collect.copying import CopyOptions, copy_items, plan_copy
    from training.collect.places import check_source
    from training.collect.stores import open_store

    named = None if source is None else check_source(source)
    options = CopyOptions(label=label, source=named, licence=licence, threads=concurrency, is_anew=is_anew)
    origin_store = open_store(origin, endpoint_url=endpoint_url, is_anonymous=is_anonymous)
    target_store = open_store(target, endpoint_url=endpoint_url, is_anonymous=is_anonymous)
    items, left_out = plan_copy(origin_store, options)
    for path, why in left_out[:_SHOWN]:
        click.echo(f"Left out {safe_text(path)}: {why}", err=True)
    tally = copy_items(items, origin_store, target_store, options, say=SparseLines())
    click.echo(
        f"{tally['copied']} copied, {tally['known']} were there, {tally['altered']} altered, {len(left_out)} left out"
    )
    if tally["altered"]:
        click.echo("Altered files are not what ORIGIN's manifest says of them, and were not copied.", err=True)
    if tally["altered"] or left_out:
        raise click.exceptions.Exit(SOME_FAILED)
